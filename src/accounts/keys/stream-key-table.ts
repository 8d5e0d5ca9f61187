import type { Queries, Sql } from '../../platform/index.js';

/** Protocols of publishers. */
export type StreamKeyProtocol = 'rtmp' | 'rtmps' | 'whip';

/** Target of a key: one livestream, or a user's channel. */
export type StreamKeyOwner = { streamId: string } | { userId: string };

/** Restrictions and label of a key. */
export type StreamKeyScope = {
  label: string;
  /** Null: any. */
  protocols: StreamKeyProtocol[] | null;
  /** Addresses and networks in CIDR notation; null: any. */
  addressRanges: string[] | null;
  /** Null: does not expire. */
  expiresAt: Date | null;
};

/** Stored stream key, without its secret: only the hash is stored. */
export type StreamKey = StreamKeyScope & {
  id: string;
  /** Exactly one of `streamId` and `userId` is set. */
  streamId: string | null;
  userId: string | null;
  /** The key that the channel's user configures in an encoder. */
  main: boolean;
  revokedAt: Date | null;
  /** Id of the key that replaced this one. */
  replacedBy: string | null;
  createdAt: Date;
  /** Last admission of a publisher. */
  lastUsedAt: Date | null;
};

export type NewStreamKey = StreamKeyScope & {
  id: string;
  owner: StreamKeyOwner;
  /** SHA-256 of the key, 64 lower-case hexadecimal digits. */
  hash: string;
  main: boolean;
  createdAt: Date;
};

/** Statements on the table `stream_keys`; no other class queries it. */
export class StreamKeyTable {
  readonly #sql: Queries;

  constructor(sql: Queries) {
    this.#sql = sql;
  }

  async insert(key: NewStreamKey): Promise<StreamKey> {
    const { id, owner, hash, label, protocols, addressRanges, expiresAt, main, createdAt } = key;
    const [row] = await this.#sql<[StreamKey]>`
      insert into stream_keys
        (id, hash, stream_id, user_id, label, protocols, address_ranges, expires_at, is_main, created_at)
      values (${id}, ${hash}, ${'streamId' in owner ? owner.streamId : null},
        ${'userId' in owner ? owner.userId : null}, ${label}, ${protocols}::text[],
        (select array_agg(network(range::inet)) from unnest(${addressRanges}::text[]) range),
        ${expiresAt}, ${main}, ${createdAt})
      returning ${this.#columns()}`;
    return row;
  }

  async findByHash(hash: string): Promise<StreamKey | undefined> {
    const [row] = await this.#sql<
      StreamKey[]
    >`select ${this.#columns()} from stream_keys where hash = ${hash}`;
    return row;
  }

  /** @param id must have the form of a UUID. */
  async find(owner: StreamKeyOwner, id: string): Promise<StreamKey | undefined> {
    const [row] = await this.#sql<StreamKey[]>`
      select ${this.#columns()} from stream_keys where id = ${id} and ${this.#of(owner)}`;
    return row;
  }

  /** Returns the current main key of a channel. */
  async findMain(userId: string): Promise<StreamKey | undefined> {
    const [row] = await this.#sql<StreamKey[]>`
      select ${this.#columns()} from stream_keys
      where user_id = ${userId} and is_main and replaced_by is null and revoked_at is null`;
    return row;
  }

  /** Newest first. */
  async list(owner: StreamKeyOwner): Promise<StreamKey[]> {
    return this.#sql<StreamKey[]>`
      select ${this.#columns()} from stream_keys where ${this.#of(owner)} order by created_at desc, id desc`;
  }

  /** Counts keys that are neither revoked nor expired. */
  async countUsable(owner: StreamKeyOwner, now: Date): Promise<number> {
    const [row] = await this.#sql<[{ count: number }]>`
      select count(*)::int as count from stream_keys
      where ${this.#of(owner)} and revoked_at is null and (expires_at is null or expires_at > ${now})`;
    return row.count;
  }

  /** Serialises changes of an owner's keys until the transaction ends. Must be called in a transaction. */
  async lock(owner: StreamKeyOwner): Promise<void> {
    const name = 'streamId' in owner ? `stream key ${owner.streamId}` : `channel key ${owner.userId}`;
    await this.#sql`select pg_advisory_xact_lock(hashtextextended(${name}, 0))`;
  }

  /**
   * Marks a key as replaced and lets it expire no later than `until`. The replacement is stored in the same
   * transaction.
   */
  async replace(id: string, by: string, until: Date): Promise<void> {
    await this.#sql`
      update stream_keys set replaced_by = ${by}, expires_at = least(expires_at, ${until}) where id = ${id}`;
  }

  /** Keeps the time of the first revocation. */
  async revoke(owner: StreamKeyOwner, id: string, now: Date): Promise<StreamKey | undefined> {
    const [row] = await this.#sql<StreamKey[]>`
      update stream_keys set revoked_at = coalesce(revoked_at, ${now}) where id = ${id} and ${this.#of(owner)}
      returning ${this.#columns()}`;
    return row;
  }

  async touch(id: string, now: Date): Promise<void> {
    await this.#sql`update stream_keys set last_used_at = ${now} where id = ${id}`;
  }

  /** Deletes revoked and expired keys of an owner, except the newest `keep`. */
  async deleteUnusable(owner: StreamKeyOwner, now: Date, keep: number): Promise<void> {
    await this.#sql`
      delete from stream_keys where id in (
        select id from stream_keys where ${this.#of(owner)} and (revoked_at is not null or expires_at <= ${now})
        order by created_at desc, id desc offset ${keep})`;
  }

  /** Deletes the keys of an owner with their uses. @returns their ids. */
  async deleteAll(owner: StreamKeyOwner): Promise<string[]> {
    const rows = await this.#sql<{ id: string }[]>`
      delete from stream_keys where ${this.#of(owner)} returning id`;
    return rows.map(({ id }) => id);
  }

  #of(owner: StreamKeyOwner): ReturnType<Sql> {
    return 'streamId' in owner
      ? this.#sql`stream_id = ${owner.streamId}`
      : this.#sql`user_id = ${owner.userId}`;
  }

  #columns(): ReturnType<Sql> {
    return this.#sql`id, stream_id as "streamId", user_id as "userId", label, protocols,
      address_ranges::text[] as "addressRanges", is_main as main, expires_at as "expiresAt",
      revoked_at as "revokedAt", replaced_by as "replacedBy", created_at as "createdAt",
      last_used_at as "lastUsedAt"`;
  }
}
