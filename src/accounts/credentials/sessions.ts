import { type Clock, networkBlock, newId, type Sql } from '../../platform/index.js';
import type { AccessChange } from '../identity/access-change.js';
import { hashSecret, mintSecret } from './secret.js';
import { csrfTokenOf } from './session-cookie.js';
import { type Session, type SessionOwner, SessionTable } from './session-table.js';

/** Lifetime after last use, in ms: 30 days. */
export const SESSION_LIFETIME_MS = 30 * 86_400_000;
/** Interval between writes of a session's last use, in ms. */
const TOUCH_INTERVAL_MS = 3_600_000;
/** Sessions of one account; the least recently seen is deleted first. */
const MAXIMUM_SESSIONS = 50;
const USER_AGENT_LENGTH = 300;

/** Client that signs in. */
export type Browser = { address: string; userAgent?: string | undefined };

/** New session; the secret is for the cookie only. */
export type OpenSession = { secret: string; csrfToken: string };

export type SessionsOptions = {
  sql: Sql;
  clock: Clock;
  /** Receives the sessions that ended. */
  changed: (change: AccessChange) => void;
};

/** Sessions of signed-in browsers. */
export class Sessions {
  readonly #table: SessionTable;
  readonly #clock: Clock;
  readonly #changed: (change: AccessChange) => void;

  constructor({ sql, clock, changed }: SessionsOptions) {
    this.#table = new SessionTable(sql);
    this.#clock = clock;
    this.#changed = changed;
  }

  async open(accountId: string, { address, userAgent = '' }: Browser): Promise<OpenSession> {
    const secret = mintSecret('session');
    const now = this.#clock.now();
    await this.#table.insert({
      id: newId(),
      hash: hashSecret(secret),
      accountId,
      createdAt: new Date(now),
      lastSeenAt: new Date(now),
      expiresAt: new Date(now + SESSION_LIFETIME_MS),
      // Header values are Latin-1 and may hold control characters.
      userAgent: userAgent.replace(/\p{C}/gu, '').slice(0, USER_AGENT_LENGTH),
      network: networkBlock(address),
    });
    this.#ended(accountId, await this.#table.deleteBeyond(accountId, MAXIMUM_SESSIONS));
    return { secret, csrfToken: csrfTokenOf(secret) };
  }

  /** Returns the owner and extends the session; undefined when it has ended or the account is disabled. */
  async owner(secret: string): Promise<SessionOwner | undefined> {
    const now = this.#clock.now();
    const owner = await this.#table.findOwner(hashSecret(secret), new Date(now));
    if (!owner || now - owner.lastSeenAt.getTime() < TOUCH_INTERVAL_MS) return owner;
    const expiresAt = new Date(now + SESSION_LIFETIME_MS);
    await this.#table.touch(owner.sessionId, new Date(now), expiresAt);
    return { ...owner, expiresAt };
  }

  /** Whether the account had a session from this network that ended at most 30 days ago. */
  knowsNetwork(nameKey: string, network: string): Promise<boolean> {
    return this.#table.knowsNetwork(nameKey, network);
  }

  list(accountId: string): Promise<Session[]> {
    return this.#table.list(accountId, this.#now());
  }

  /** Ends the session of a secret. */
  async close(secret: string): Promise<void> {
    const ended = await this.#table.end(hashSecret(secret), this.#now());
    if (ended) this.#ended(ended.accountId, [ended.id]);
  }

  /** @returns false when the account has no such session. */
  async endSession(accountId: string, id: string): Promise<boolean> {
    const ended = await this.#table.delete(accountId, id);
    if (ended) this.#ended(accountId, [id]);
    return ended;
  }

  /** Ends all sessions of an account, or all but one. @returns their number. */
  async endAllSessions(accountId: string, exceptId?: string): Promise<number> {
    const ids = await this.#table.deleteAll(accountId, exceptId);
    this.#ended(accountId, ids);
    return ids.length;
  }

  /** Deletes sessions that expired before a moment. */
  async clean(before: Date): Promise<void> {
    await this.#table.deleteExpired(before);
  }

  #ended(userId: string, credentialIds: string[]): void {
    if (credentialIds.length > 0) this.#changed({ userId, credentialIds });
  }

  #now(): Date {
    return new Date(this.#clock.now());
  }
}
