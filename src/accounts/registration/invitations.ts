import { type Clock, newId, type Sql } from '../../platform/index.js';
import { hashSecret, isSecret, mintSecret } from '../credentials/secret.js';
import type { Role } from '../identity/principal.js';
import { type Invitation, InvitationTable } from './invitation-table.js';

/** Invitations to register: one account, one role, limited lifetime. */
export class Invitations {
  readonly #table: InvitationTable;
  readonly #clock: Clock;

  constructor({ sql, clock }: { sql: Sql; clock: Clock }) {
    this.#table = new InvitationTable(sql);
    this.#clock = clock;
  }

  /** Creates an invitation; `code` is returned only here. */
  async create(role: Role, lifetimeMs: number): Promise<Invitation & { code: string }> {
    const code = mintSecret('invitation');
    const now = this.#clock.now();
    const invitation = {
      id: newId(),
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
    if (!isSecret('invitation', code)) return false;
    return this.#table.isOpen(hashSecret(code), new Date(this.#clock.now()));
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
