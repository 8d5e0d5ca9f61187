import type { Sql } from '../../platform/index.js';
import type { Role } from '../identity/principal.js';

/** Permission to register one account, without its code: only the hash is stored. */
export type Invitation = {
  id: string;
  /** Role of the account. */
  role: Role;
  createdAt: Date;
  expiresAt: Date;
  usedAt: Date | null;
  /** The registered account, unless it was deleted. */
  usedBy: string | null;
};

/** Statements on the table `invitations`. `AccountTable` marks them used when it inserts the account. */
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

  /** Returns the id of an invitation that is unused and not expired. */
  async findOpen(hash: string, now: Date): Promise<string | undefined> {
    const [row] = await this.#sql<{ id: string }[]>`
      select id from invitations where hash = ${hash} and used_at is null and expires_at > ${now}`;
    return row?.id;
  }

  /** Newest first, including used and expired invitations. */
  async list(page: { limit: number; offset: number }): Promise<Invitation[]> {
    return this.#sql<Invitation[]>`
      select id, role, created_at as "createdAt", expires_at as "expiresAt", used_at as "usedAt", used_by as "usedBy"
      from invitations order by created_at desc, id desc limit ${page.limit} offset ${page.offset}`;
  }

  /** @returns false when there is no such invitation. */
  async delete(id: string): Promise<boolean> {
    return (await this.#sql`delete from invitations where id = ${id}`).count > 0;
  }

  /** Deletes invitations that expired before a moment. */
  async deleteExpired(before: Date): Promise<void> {
    await this.#sql`delete from invitations where expires_at < ${before}`;
  }
}
