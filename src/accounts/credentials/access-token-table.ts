import type { Sql } from '../../platform/index.js';
import type { Role } from '../identity/principal.js';

/** Personal access token, without its secret: only the hash is stored. */
export type AccessToken = {
  id: string;
  label: string;
  createdAt: Date;
  lastUsedAt: Date | null;
  /** Null: does not expire. */
  expiresAt: Date | null;
};

/** Owner of a token. */
export type AccessTokenOwner = {
  tokenId: string;
  accountId: string;
  name: string;
  role: Role;
  lastUsedAt: Date | null;
  /** Null: does not expire. */
  expiresAt: Date | null;
};

/** Statements on the table `access_tokens`. */
export class AccessTokenTable {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** @returns false, without inserting, when the account has `atMost` tokens. */
  async insert(token: AccessToken & { hash: string; accountId: string }, atMost: number): Promise<boolean> {
    const { id, hash, accountId, label, createdAt, expiresAt } = token;
    const result = await this.#sql`
      insert into access_tokens (id, hash, account_id, label, created_at, expires_at)
      select ${id}::uuid, ${hash}, ${accountId}::uuid, ${label}, ${createdAt}::timestamptz, ${expiresAt}::timestamptz
      where (select count(*) from access_tokens where account_id = ${accountId}) < ${atMost}`;
    return result.count > 0;
  }

  /** Returns the owner unless the token has expired or the account is disabled. */
  async findOwner(hash: string, now: Date): Promise<AccessTokenOwner | undefined> {
    return await this.#owner(this.#sql`token.hash = ${hash}`, now);
  }

  /** As `findOwner`. @param id must have the form of a UUID. */
  async findOwnerById(id: string, now: Date): Promise<AccessTokenOwner | undefined> {
    return await this.#owner(this.#sql`token.id = ${id}`, now);
  }

  async touch(id: string, now: Date): Promise<void> {
    await this.#sql`update access_tokens set last_used_at = ${now} where id = ${id}`;
  }

  /** Newest first, including expired tokens. */
  async list(accountId: string): Promise<AccessToken[]> {
    return this.#sql<AccessToken[]>`
      select id, label, created_at as "createdAt", last_used_at as "lastUsedAt", expires_at as "expiresAt"
      from access_tokens where account_id = ${accountId} order by id desc`;
  }

  /** @returns false when the account has no such token. */
  async delete(accountId: string, id: string): Promise<boolean> {
    return (
      (await this.#sql`delete from access_tokens where account_id = ${accountId} and id = ${id}`).count > 0
    );
  }

  /** @returns ids of the deleted tokens. */
  async deleteAll(accountId: string): Promise<string[]> {
    const rows = await this.#sql<{ id: string }[]>`
      delete from access_tokens where account_id = ${accountId} returning id`;
    return rows.map(({ id }) => id);
  }

  /** Deletes tokens that expired before a moment. */
  async deleteExpired(before: Date): Promise<void> {
    await this.#sql`delete from access_tokens where expires_at < ${before}`;
  }

  async #owner(which: ReturnType<Sql>, now: Date): Promise<AccessTokenOwner | undefined> {
    const [row] = await this.#sql<AccessTokenOwner[]>`
      select token.id as "tokenId", account.id as "accountId", account.name, account.role,
        token.last_used_at as "lastUsedAt", token.expires_at as "expiresAt"
      from access_tokens token join accounts account on account.id = token.account_id
      where ${which} and (token.expires_at is null or token.expires_at > ${now})
        and account.disabled_at is null`;
    return row;
  }
}
