import {
  type Clock,
  isAddressRange,
  type Logger,
  newId,
  PublicError,
  type Queries,
  type Sql,
  Sweeper,
} from '../../platform/index.js';
import { type PublisherSignIn, PublisherSignInTable } from './publisher-sign-in-table.js';
import { hashStreamKey, mintStreamKey } from './stream-key.js';
import {
  type NewStreamKey,
  type StreamKey,
  type StreamKeyOwner,
  type StreamKeyScope,
  StreamKeyTable,
} from './stream-key-table.js';
import { type StreamKeyUse, StreamKeyUseTable } from './stream-key-use-table.js';

/** Keys of one owner that admit somebody, at most; old ones within their overlap count. */
const USABLE_KEYS = 50;
/** Keys of one owner that admit nobody any more and are kept, with their uses, at most. */
const KEPT_DEAD_KEYS = 100;
/** PostgreSQL appendix A. */
const FOREIGN_KEY_VIOLATION = '23503';

const NO_LIMITS: StreamKeyScope = { label: '', protocols: null, addressRanges: null, expiresAt: null };

export type StreamKeysOptions = {
  sql: Sql;
  /** Drops the publisher that uses a key, and lets none in with it that was admitted a moment ago. */
  dropKey: (keyId: string) => void;
  /** How long uses are kept, in days; 0, as where nothing is said: for ever. */
  keepDays?: number;
  clock: Clock;
  log: Logger;
};

/** A key, with the secret: to be shown this once. */
export type MintedStreamKey = { key: StreamKey; secret: string };

/** The keys of livestreams and channels, for those who own them. */
export class StreamKeys {
  readonly #options: StreamKeysOptions;
  readonly #table: StreamKeyTable;
  readonly #uses: StreamKeyUseTable;
  readonly #signIns: PublisherSignInTable;
  readonly #sweepers: Sweeper[];

  constructor(options: StreamKeysOptions) {
    this.#options = options;
    this.#table = new StreamKeyTable(options.sql);
    this.#uses = new StreamKeyUseTable(options.sql);
    this.#signIns = new PublisherSignInTable(options.sql);
    const { clock, log, keepDays: days = 0 } = options;
    const tables = { 'uses of stream keys': this.#uses, 'publishers who were signed in': this.#signIns };
    this.#sweepers = Object.entries(tables).map(
      ([what, table]) => new Sweeper({ what, days, sweep: (...upTo) => table.sweep(...upTo), clock, log }),
    );
  }

  /** Begins to forget old uses, now and then. */
  start(): void {
    for (const sweeper of this.#sweepers) sweeper.start();
  }

  close(): void {
    for (const sweeper of this.#sweepers) sweeper.close();
  }

  /** Stores the key that a livestream is made with, in the transaction that makes the livestream. */
  async keepFirst(sql: Queries, livestream: { streamId: string; hash: string }): Promise<void> {
    await new StreamKeyTable(sql).insert(this.#new({ streamId: livestream.streamId }, livestream.hash));
  }

  /** The newest first; also the ones that admit nobody any more. */
  async list(owner: StreamKeyOwner): Promise<StreamKey[]> {
    return await this.#table.list(owner);
  }

  /** @throws PublicError 400 `expiry_past`, `address_range_invalid`, 404 `stream_not_found`, 409 `too_many_keys` */
  async create(owner: StreamKeyOwner, scope: Partial<StreamKeyScope>): Promise<MintedStreamKey> {
    for (const range of scope.addressRanges ?? [])
      if (!isAddressRange(range))
        throw new PublicError(400, 'address_range_invalid', `This is no address and no network: ${range}`);
    // Also of a date that is none.
    if (scope.expiresAt && !(scope.expiresAt.getTime() > this.#options.clock.now()))
      throw new PublicError(400, 'expiry_past', 'The key would have expired already.');
    try {
      return await this.#change(owner, async (table) => await this.#mint(table, owner, scope));
    } catch (error) {
      if (isLivestreamGone(error))
        throw new PublicError(404, 'stream_not_found', 'There is no such livestream.');
      throw error;
    }
  }

  /**
   * Makes a key in place of another, with the same limits. The old one still admits until `overlapMs` are over; a
   * publisher who is connected with it then stays.
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
   * Makes the key that a channel's user keeps in their encoder, in place of the one that there is.
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
   * From now on the key admits nobody; who publishes with it is dropped. Doing so again changes nothing.
   *
   * @throws PublicError 404 `key_not_found`
   */
  async revoke(owner: StreamKeyOwner, keyId: string): Promise<void> {
    if (!(await this.#table.revoke(owner, keyId, this.#now()))) throw notFound();
    this.#options.dropKey(keyId);
  }

  /** The keys of somebody's channel are gone, with all that is known of their uses; who publishes with one is dropped. */
  async forgetUser(userId: string): Promise<void> {
    for (const id of await this.#table.deleteAll({ userId })) this.#options.dropKey(id);
  }

  /**
   * Who showed a key, the newest first.
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

  /** Who asked to publish to a livestream without a key, the newest first. */
  async signIns(streamId: string, page: { limit: number; offset: number }): Promise<PublisherSignIn[]> {
    return await this.#signIns.list(streamId, page);
  }

  /** For admission. */
  async findByHash(hash: string): Promise<StreamKey | undefined> {
    return await this.#table.findByHash(hash);
  }

  /** For admission: notes that somebody showed a key. */
  async note(use: Omit<StreamKeyUse, 'id' | 'usedAt'>): Promise<void> {
    const usedAt = this.#now();
    await this.#uses.insert({ ...use, id: newId(), usedAt });
    if (use.outcome === 'admitted') await this.#table.touch(use.keyId, usedAt);
  }

  /** For admission: notes that somebody asked to publish who is signed in; nothing of a livestream that is gone. */
  async noteSignIn(signIn: Omit<PublisherSignIn, 'id' | 'usedAt'>): Promise<void> {
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
      throw new PublicError(409, 'key_not_current', 'This key is replaced, revoked or expired already.');
    const { label, protocols, addressRanges, expiresAt, main } = old;
    const id = newId();
    // First, as a channel has one main key at any moment.
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
    if ((await table.countUsable(owner, this.#now())) >= USABLE_KEYS)
      throw new PublicError(409, 'too_many_keys', 'There are too many keys: revoke one that is not needed.');
    const secret = mintStreamKey();
    const key = await table.insert({ ...this.#new(owner, hashStreamKey(secret)), ...scope, main, id });
    await table.forgetDead(owner, this.#now(), KEPT_DEAD_KEYS);
    return { key, secret };
  }

  #new(owner: StreamKeyOwner, hash: string): NewStreamKey {
    return { ...NO_LIMITS, id: newId(), owner, hash, main: false, createdAt: this.#now() };
  }

  /** One after the other for an owner, and as a whole or not at all. */
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

/** Whether it was deleted meanwhile. */
function isLivestreamGone(error: unknown): boolean {
  return (error as { code?: unknown }).code === FOREIGN_KEY_VIOLATION;
}

function notFound(): PublicError {
  return new PublicError(404, 'key_not_found', 'There is no such stream key.');
}
