import type { Sql } from '../../platform/index.js';
import type { Role } from '../identity/principal.js';

/** Signed-in browser, without the cookie's secret: only the hash is stored. */
export type Session = {
  id: string;
  createdAt: Date;
  lastSeenAt: Date;
  expiresAt: Date;
  userAgent: string;
  /** Network of the sign-in: an IPv4 address, or a /64 network of IPv6. */
  network: string;
};

export type NewSession = Session & { hash: string; accountId: string };

/** Owner of a session. */
export type SessionOwner = {
  sessionId: string;
  accountId: string;
  name: string;
  role: Role;
  lastSeenAt: Date;
  expiresAt: Date;
};

/** Statements on the table `account_sessions`. */
export class SessionTable {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async insert(session: NewSession): Promise<void> {
    const { id, hash, accountId, createdAt, lastSeenAt, expiresAt, userAgent, network } = session;
    await this.#sql`
      insert into account_sessions (id, hash, account_id, created_at, last_seen_at, expires_at, user_agent, network)
      values (${id}, ${hash}, ${accountId}, ${createdAt}, ${lastSeenAt}, ${expiresAt}, ${userAgent}, ${network})`;
  }

  /** Returns the owner unless the session has ended or the account is disabled. */
  async findOwner(hash: string, now: Date): Promise<SessionOwner | undefined> {
    return await this.#owner(this.#sql`session.hash = ${hash}`, now);
  }

  /** As `findOwner`. @param id must have the form of a UUID. */
  async findOwnerById(id: string, now: Date): Promise<SessionOwner | undefined> {
    return await this.#owner(this.#sql`session.id = ${id}`, now);
  }

  async touch(id: string, now: Date, expiresAt: Date): Promise<void> {
    await this.#sql`
      update account_sessions set last_seen_at = ${now}, expires_at = ${expiresAt} where id = ${id}`;
  }

  /** Active sessions, most recently seen first. */
  async list(accountId: string, now: Date): Promise<Session[]> {
    return this.#sql<Session[]>`
      select id, created_at as "createdAt", last_seen_at as "lastSeenAt", expires_at as "expiresAt",
        user_agent as "userAgent", network
      from account_sessions where account_id = ${accountId} and expires_at > ${now}
      order by last_seen_at desc, id desc`;
  }

  /** Whether an account of this name has a stored session from this network. */
  async knowsNetwork(nameKey: string, network: string): Promise<boolean> {
    const [row] = await this.#sql`
      select from account_sessions session join accounts account on account.id = session.account_id
      where account.name_key = ${nameKey} and session.network = ${network} limit 1`;
    return row !== undefined;
  }

  /** @returns false when the account has no such session. */
  async delete(accountId: string, id: string): Promise<boolean> {
    const result = await this.#sql`
      delete from account_sessions where account_id = ${accountId} and id = ${id}`;
    return result.count > 0;
  }

  /** Ends a session and keeps its network until it is deleted. @returns the session, unless it had ended. */
  async end(hash: string, now: Date): Promise<{ id: string; accountId: string } | undefined> {
    const [row] = await this.#sql<{ id: string; accountId: string }[]>`
      update account_sessions set expires_at = ${now} where hash = ${hash} and expires_at > ${now}
      returning id, account_id as "accountId"`;
    return row;
  }

  /** Deletes all sessions of an account, or all but one. @returns their ids. */
  async deleteAll(accountId: string, exceptId?: string): Promise<string[]> {
    const rows = await this.#sql<{ id: string }[]>`
      delete from account_sessions where account_id = ${accountId} and id is distinct from ${exceptId ?? null}
      returning id`;
    return rows.map(({ id }) => id);
  }

  /** Deletes the sessions of an account except the most recently seen. @returns their ids. */
  async deleteBeyond(accountId: string, kept: number): Promise<string[]> {
    const rows = await this.#sql<{ id: string }[]>`
      delete from account_sessions where id in (
        select id from account_sessions where account_id = ${accountId}
        order by last_seen_at desc, id desc offset ${kept})
      returning id`;
    return rows.map(({ id }) => id);
  }

  /** Deletes sessions that expired before a moment. */
  async deleteExpired(before: Date): Promise<void> {
    await this.#sql`delete from account_sessions where expires_at < ${before}`;
  }

  async #owner(which: ReturnType<Sql>, now: Date): Promise<SessionOwner | undefined> {
    const [row] = await this.#sql<SessionOwner[]>`
      select session.id as "sessionId", account.id as "accountId", account.name, account.role,
        session.last_seen_at as "lastSeenAt", session.expires_at as "expiresAt"
      from account_sessions session join accounts account on account.id = session.account_id
      where ${which} and session.expires_at > ${now} and account.disabled_at is null`;
    return row;
  }
}
