import { type Clock, newId, type Sql } from '../../platform/index.js';
import { hashSecret, isSecret, mintSecret } from '../credentials/secret.js';
import type { Role } from '../identity/principal.js';
import { type Invitation, InvitationTable } from './invitation-table.js';

/** Id of the invitation for the first administrator; there is at most one. */
const SETUP_ID = '00000000-0000-4000-8000-000000000001';
const SETUP_LIFETIME_MS = 86_400_000;

/** Invitations to register: one account, one role, limited lifetime. */
export class Invitations {
  readonly #table: InvitationTable;
  readonly #clock: Clock;

  constructor({ sql, clock }: { sql: Sql; clock: Clock }) {
    this.#table = new InvitationTable(sql);
    this.#clock = clock;
  }

  /** Creates an invitation; `code` is returned only here. */
  create(role: Role, lifetimeMs: number): Promise<Invitation & { code: string }> {
    return this.#create(newId(), role, lifetimeMs);
  }

  /** Creates the invitation for the first administrator, valid for a day; an earlier one ends. @returns its code */
  async createSetup(): Promise<string> {
    await this.endSetup();
    return (await this.#create(SETUP_ID, 'admin', SETUP_LIFETIME_MS)).code;
  }

  /** Ends the invitation for the first administrator, if there is one. */
  async endSetup(): Promise<void> {
    await this.#table.delete(SETUP_ID);
  }

  async #create(id: string, role: Role, lifetimeMs: number): Promise<Invitation & { code: string }> {
    const code = mintSecret('invitation');
    const now = this.#clock.now();
    const invitation = {
      id,
      role,
      createdAt: new Date(now),
      expiresAt: new Date(now + lifetimeMs),
      usedAt: null,
      usedBy: null,
    };
    await this.#table.insert({ ...invitation, hash: hashSecret(code) });
    return { ...invitation, code };
  }

  /** Whether a code is unused and not expired. */
  async isOpen(code: string): Promise<boolean> {
    return (await this.#findOpen(code)) !== undefined;
  }

  /** Whether a code is that of the invitation for the first administrator, unused and not expired. */
  async isOpenSetup(code: string): Promise<boolean> {
    return (await this.#findOpen(code)) === SETUP_ID;
  }

  async #findOpen(code: string): Promise<string | undefined> {
    if (!isSecret('invitation', code)) return undefined;
    return this.#table.findOpen(hashSecret(code), new Date(this.#clock.now()));
  }

  list(page: { limit: number; offset: number }): Promise<Invitation[]> {
    return this.#table.list(page);
  }

  /** @returns false when there is no such invitation. */
  delete(id: string): Promise<boolean> {
    return this.#table.delete(id);
  }

  /** Deletes invitations that expired before a moment. */
  async clean(before: Date): Promise<void> {
    await this.#table.deleteExpired(before);
  }
}
