import {
  type Clock,
  isAddressRange,
  type Logger,
  newId,
  PublicError,
  type Queries,
  type Sql,
  Sweeper,
  streamNotFound,
} from '../../platform/index.js';
import {
  type PublishAttemptTable,
  type PublisherSignIn,
  publisherSignIns,
  type StreamKeyUse,
  streamKeyUses,
} from './publish-attempt-table.js';
import { hashStreamKey, mintStreamKey } from './stream-key.js';
import {
  type NewStreamKey,
  type StreamKey,
  type StreamKeyOwner,
  type StreamKeyScope,
  StreamKeyTable,
} from './stream-key-table.js';

/** Usable keys per owner; replaced keys within their overlap count. */
const MAXIMUM_USABLE_KEYS = 50;
/** Revoked and expired keys kept per owner, with their uses. */
const KEPT_UNUSABLE_KEYS = 100;
/** SQLSTATE foreign_key_violation (PostgreSQL appendix A). */
const FOREIGN_KEY_VIOLATION = '23503';

const NO_LIMITS: StreamKeyScope = { label: '', protocols: null, addressRanges: null, expiresAt: null };

export type StreamKeysOptions = {
  sql: Sql;
  /** Disconnects the publisher that uses a key, and refuses publishers admitted with it a moment ago. */
  dropKey: (keyId: string) => void;
  /** Retention of uses, in days; 0 (default): unlimited. */
  keepDays?: number;
  clock: Clock;
  log: Logger;
};

/** Key with its secret, which is returned only here. */
export type MintedStreamKey = { key: StreamKey; secret: string };

/** Stream keys of livestreams and channels. */
export class StreamKeys {
  readonly #options: StreamKeysOptions;
  readonly #table: StreamKeyTable;
  readonly #uses: PublishAttemptTable<StreamKeyUse>;
  readonly #signIns: PublishAttemptTable<PublisherSignIn>;
  readonly #sweepers: Sweeper[];

  constructor(options: StreamKeysOptions) {
    this.#options = options;
    this.#table = new StreamKeyTable(options.sql);
    this.#uses = streamKeyUses(options.sql);
    this.#signIns = publisherSignIns(options.sql);
    const { clock, log, keepDays: days = 0 } = options;
    const tables = { 'uses of stream keys': this.#uses, 'attempts of signed-in publishers': this.#signIns };
    this.#sweepers = Object.entries(tables).map(
      ([rowsName, table]) =>
        new Sweeper({ rowsName, days, sweep: (...upTo) => table.sweep(...upTo), clock, log }),
    );
  }

  /** Starts the periodic deletion of old uses. */
  start(): void {
    for (const sweeper of this.#sweepers) sweeper.start();
  }

  close(): void {
    for (const sweeper of this.#sweepers) sweeper.close();
  }

  /** Stores the first key of a livestream, in the transaction that creates the livestream. */
  async insertFirst(sql: Queries, livestream: { streamId: string; hash: string }): Promise<void> {
    await new StreamKeyTable(sql).insert(this.#new({ streamId: livestream.streamId }, livestream.hash));
  }

  /** Newest first, including revoked and expired keys. */
  async list(owner: StreamKeyOwner): Promise<StreamKey[]> {
    return await this.#table.list(owner);
  }

  /** @throws PublicError 400 `expiry_past`, `address_range_invalid`, 404 `stream_not_found`, 409 `too_many_keys` */
  async create(owner: StreamKeyOwner, scope: Partial<StreamKeyScope>): Promise<MintedStreamKey> {
    for (const range of scope.addressRanges ?? [])
      if (!isAddressRange(range))
        throw new PublicError(
          400,
          'address_range_invalid',
          `${range} is not an address or network: use the form 192.0.2.7 or 192.0.2.0/24.`,
        );
    // The comparison also refuses invalid dates.
    if (scope.expiresAt && !(scope.expiresAt.getTime() > this.#options.clock.now()))
      throw new PublicError(400, 'expiry_past', 'The expiry must be in the future.');
    try {
      return await this.#change(owner, async (table) => await this.#mint(table, owner, scope));
    } catch (error) {
      throw isLivestreamGone(error) ? streamNotFound() : error;
    }
  }

  /**
   * Replaces a key by a new one with the same restrictions. The old key admits publishers for another `overlapMs`;
   * publishers connected with it stay connected.
   *
   * @throws PublicError 404 `key_not_found`, 409 `key_not_current`, `too_many_keys`
   */
  async rotate(owner: StreamKeyOwner, keyId: string, overlapMs: number): Promise<MintedStreamKey> {
    return await this.#change(owner, async (table) => {
      const old = await table.find(owner, keyId);
      if (!old) throw notFound();
      return await this.#replace(table, owner, old, overlapMs);
    });
  }

  /**
   * Creates or replaces the main key of a channel.
   *
   * @throws PublicError 409 `too_many_keys`
   */
  async rotateMain(userId: string, overlapMs: number): Promise<MintedStreamKey> {
    const owner = { userId };
    return await this.#change(owner, async (table) => {
      const old = await table.findMain(userId);
      if (old && this.#isUsable(old)) return await this.#replace(table, owner, old, overlapMs);
      return await this.#mint(table, owner, {}, true);
    });
  }

  async findMain(userId: string): Promise<StreamKey | undefined> {
    return await this.#table.findMain(userId);
  }

  /**
   * Revokes a key and disconnects its publisher. Idempotent.
   *
   * @throws PublicError 404 `key_not_found`
   */
  async revoke(owner: StreamKeyOwner, keyId: string): Promise<void> {
    if (!(await this.#table.revoke(owner, keyId, this.#now()))) throw notFound();
    this.#options.dropKey(keyId);
  }

  /** Deletes the keys of a user's channel with their uses, and disconnects their publishers. */
  async forgetUser(userId: string): Promise<void> {
    for (const id of await this.#table.deleteAll({ userId })) this.#options.dropKey(id);
  }

  /**
   * Uses of a key, newest first.
   *
   * @throws PublicError 404 `key_not_found`
   */
  async uses(
    owner: StreamKeyOwner,
    keyId: string,
    page: { limit: number; offset: number },
  ): Promise<StreamKeyUse[]> {
    if (!(await this.#table.find(owner, keyId))) throw notFound();
    return await this.#uses.list(keyId, page);
  }

  /** Attempts to publish to a livestream without a key, newest first. */
  async signIns(streamId: string, page: { limit: number; offset: number }): Promise<PublisherSignIn[]> {
    return await this.#signIns.list(streamId, page);
  }

  /** Used by key admission. */
  async findByHash(hash: string): Promise<StreamKey | undefined> {
    return await this.#table.findByHash(hash);
  }

  /** Records a use; called by key admission. */
  async recordUse(use: Omit<StreamKeyUse, 'id' | 'usedAt'>): Promise<void> {
    const usedAt = this.#now();
    await this.#uses.insert({ ...use, id: newId(), usedAt });
    if (use.outcome === 'admitted') await this.#table.touch(use.keyId, usedAt);
  }

  /** Records an attempt of a signed-in publisher; called by key admission. Ignores deleted livestreams. */
  async recordSignIn(signIn: Omit<PublisherSignIn, 'id' | 'usedAt'>): Promise<void> {
    try {
      await this.#signIns.insert({ ...signIn, id: newId(), usedAt: this.#now() });
    } catch (error) {
      if (!isLivestreamGone(error)) throw error;
    }
  }

  async #replace(
    table: StreamKeyTable,
    owner: StreamKeyOwner,
    old: StreamKey,
    overlapMs: number,
  ): Promise<MintedStreamKey> {
    if (old.replacedBy !== null || !this.#isUsable(old))
      throw new PublicError(
        409,
        'key_not_current',
        'This key is already replaced, revoked or expired: use the current one.',
      );
    const { label, protocols, addressRanges, expiresAt, main } = old;
    const id = newId();
    // The old key first: a channel has at most one main key at any time.
    await table.replace(old.id, id, new Date(this.#options.clock.now() + overlapMs));
    return await this.#mint(table, owner, { label, protocols, addressRanges, expiresAt }, main, id);
  }

  async #mint(
    table: StreamKeyTable,
    owner: StreamKeyOwner,
    scope: Partial<StreamKeyScope>,
    main = false,
    id = newId(),
  ): Promise<MintedStreamKey> {
    if ((await table.countUsable(owner, this.#now())) >= MAXIMUM_USABLE_KEYS)
      throw new PublicError(409, 'too_many_keys', 'There are too many keys: revoke one that is not needed.');
    const secret = mintStreamKey();
    const key = await table.insert({ ...this.#new(owner, hashStreamKey(secret)), ...scope, main, id });
    await table.deleteUnusable(owner, this.#now(), KEPT_UNUSABLE_KEYS);
    return { key, secret };
  }

  #new(owner: StreamKeyOwner, hash: string): NewStreamKey {
    return { ...NO_LIMITS, id: newId(), owner, hash, main: false, createdAt: this.#now() };
  }

  /** Runs a change in a transaction, serialised per owner. */
  async #change<T extends object>(
    owner: StreamKeyOwner,
    task: (table: StreamKeyTable) => Promise<T>,
  ): Promise<T> {
    return (await this.#options.sql.begin(async (sql) => {
      const table = new StreamKeyTable(sql);
      await table.lock(owner);
      return await task(table);
    })) as T;
  }

  #isUsable(key: StreamKey): boolean {
    return key.revokedAt === null && (key.expiresAt === null || key.expiresAt > this.#now());
  }

  #now(): Date {
    return new Date(this.#options.clock.now());
  }
}

/** Whether the livestream was deleted meanwhile. */
function isLivestreamGone(error: unknown): boolean {
  return (error as { code?: unknown }).code === FOREIGN_KEY_VIOLATION;
}

function notFound(): PublicError {
  return new PublicError(404, 'key_not_found', 'There is no such stream key.');
}
