import { type Clock, isUuid, type Sql } from '../../platform/index.js';
import { AccessTokenTable } from '../credentials/access-token-table.js';
import { SessionTable } from '../credentials/session-table.js';
import { ANONYMOUS, isAdmin, type Principal, type Role } from './principal.js';

/**
 * Reference to an admitted user and credential. Holds no rights: those are looked up when needed. Users of a host
 * platform have no row here, so the claims of their token are kept.
 */
export type Identity = {
  via: 'none' | 'operator' | 'session' | 'token' | 'jwt';
  userId?: string | undefined;
  /** UUID: the session, the access token, or the operator token in use. */
  credentialId?: string | undefined;
  /** Claim of a host platform's token. */
  admin?: boolean | undefined;
  /** Expiry of the claims, in Unix ms. */
  until?: number | undefined;
};

export const NO_IDENTITY: Identity = { via: 'none' };

export type IdentitiesOptions = {
  sql: Sql;
  clock: Clock;
  /** UUID: differs with every operator token. */
  operatorId: string;
};

/** Lifetime of cached lookups, unless a change is reported earlier. */
const CACHE_TTL_MS = 1_000;
const MAXIMUM = 10_000;

type Entry = { askedAt: number; principal: Promise<Principal> };

/** Looks up the current rights of users admitted earlier. */
export class Identities {
  readonly #sessions: SessionTable;
  readonly #accessTokens: AccessTokenTable;
  readonly #clock: Clock;
  readonly #operatorId: string;
  /** Oldest first. */
  readonly #entries = new Map<string, Entry>();

  constructor({ sql, clock, operatorId }: IdentitiesOptions) {
    this.#sessions = new SessionTable(sql);
    this.#accessTokens = new AccessTokenTable(sql);
    this.#clock = clock;
    this.#operatorId = operatorId;
  }

  of(principal: Principal): Identity {
    if (principal.kind === 'anonymous') return NO_IDENTITY;
    if (principal.kind === 'operator') return { via: 'operator', credentialId: this.#operatorId };
    const { via, userId, credentialId, expiresAt } = principal;
    if (via !== 'jwt') return { via, userId, credentialId };
    return isAdmin(principal) ? { via, userId, admin: true, until: expiresAt } : { via, userId };
  }

  /** Returns `ANONYMOUS` when the credential or the account is no longer valid. */
  async current(identity: Identity): Promise<Principal> {
    const { via, userId, credentialId, admin = false, until = Number.POSITIVE_INFINITY } = identity;
    if (via === 'operator') return credentialId === this.#operatorId ? { kind: 'operator' } : ANONYMOUS;
    if (via === 'none' || userId === undefined) return ANONYMOUS;
    if (via === 'jwt') {
      const role: Role = admin && this.#clock.now() < until ? 'admin' : 'viewer';
      return { kind: 'account', userId, name: userId, role, via };
    }
    if (credentialId === undefined || !isUuid(credentialId)) return ANONYMOUS;
    return await this.#cached(via, userId, credentialId);
  }

  /** Drops cached and pending lookups; to be called after every change. */
  forget(): void {
    this.#entries.clear();
  }

  async #cached(via: 'session' | 'token', userId: string, credentialId: string): Promise<Principal> {
    const key = `${via} ${credentialId} ${userId}`;
    const now = this.#clock.monotonic();
    const known = this.#entries.get(key);
    if (known && now - known.askedAt < CACHE_TTL_MS) return await known.principal;
    const entry = { askedAt: now, principal: this.#findPrincipal(via, userId, credentialId) };
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    entry.principal.catch(() => {
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
    });
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined && this.#entries.size > MAXIMUM) this.#entries.delete(oldest);
    return await entry.principal;
  }

  async #findPrincipal(via: 'session' | 'token', userId: string, credentialId: string): Promise<Principal> {
    const table = via === 'session' ? this.#sessions : this.#accessTokens;
    const owner = await table.findOwnerById(credentialId, new Date(this.#clock.now()));
    if (!owner || owner.accountId !== userId) return ANONYMOUS;
    const { name, role, expiresAt } = owner;
    const expiry = expiresAt === null ? {} : { expiresAt: expiresAt.getTime() };
    return { kind: 'account', userId, name, role, via, credentialId, ...expiry };
  }
}
