import type { Sql } from '../../platform/index.js';
import type { Role } from '../identity/principal.js';

/** Lets one person make an account. The code itself is not part of it: nobody reads it back. */
export type Invitation = {
  id: string;
  /** What the account may do. */
  role: Role;
  createdAt: Date;
  expiresAt: Date;
  usedAt: Date | null;
  /** The account that was made, unless it is gone. */
  usedBy: string | null;
};

/** Statements on the table `invitations`; it is used up together with the making of an account: see `AccountTable`. */
export class InvitationTable {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async insert(invitation: Invitation & { hash: string }): Promise<void> {
    const { id, hash, role, createdAt, expiresAt } = invitation;
    await this.#sql`
      insert into invitations (id, hash, role, created_at, expires_at)
      values (${id}, ${hash}, ${role}, ${createdAt}, ${expiresAt})`;
  }

  /** Whether it can still be used. */
  async isOpen(hash: string, now: Date): Promise<boolean> {
    const [row] = await this.#sql`
      select from invitations where hash = ${hash} and used_at is null and expires_at > ${now}`;
    return row !== undefined;
  }

  /** The newest first, also those that are used or over. */
  async list(page: { limit: number; offset: number }): Promise<Invitation[]> {
    return this.#sql<Invitation[]>`
      select id, role, created_at as "createdAt", expires_at as "expiresAt", used_at as "usedAt", used_by as "usedBy"
      from invitations order by created_at desc, id desc limit ${page.limit} offset ${page.offset}`;
  }

  /** @returns false when there is no such invitation. */
  async delete(id: string): Promise<boolean> {
    return (await this.#sql`delete from invitations where id = ${id}`).count > 0;
  }

  /** Those that were over before a moment. */
  async deleteExpired(before: Date): Promise<void> {
    await this.#sql`delete from invitations where expires_at < ${before}`;
  }
}
