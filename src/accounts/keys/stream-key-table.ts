import type { Queries, Sql } from '../../platform/index.js';

/** How media may come in. */
export type StreamKeyProtocol = 'rtmp' | 'rtmps' | 'whip';

/** What a key opens: one livestream, or the channel of a user. */
export type StreamKeyOwner = { streamId: string } | { userId: string };

/** What a key is limited to, and what its owner calls it. */
export type StreamKeyScope = {
  label: string;
  /** Null: any. */
  protocols: StreamKeyProtocol[] | null;
  /** Addresses and networks in CIDR notation; null: from anywhere. */
  addressRanges: string[] | null;
  /** When it admits nobody any more. */
  expiresAt: Date | null;
};

/** A stream key as it is stored: the secret is not part of it, as only its hash is kept. */
export type StreamKey = StreamKeyScope & {
  id: string;
  /** Exactly one of the two is set. */
  streamId: string | null;
  userId: string | null;
  /** The key that a channel's user keeps in their encoder. */
  main: boolean;
  revokedAt: Date | null;
  /** The key made in place of this one. */
  replacedBy: string | null;
  createdAt: Date;
  /** When it last admitted a publisher. */
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

/** Statements on the table `stream_keys`; nobody else queries it. */
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

  /** The key that a channel's user keeps in their encoder now. */
  async findMain(userId: string): Promise<StreamKey | undefined> {
    const [row] = await this.#sql<StreamKey[]>`
      select ${this.#columns()} from stream_keys
      where user_id = ${userId} and is_main and replaced_by is null and revoked_at is null`;
    return row;
  }

  /** The newest first. */
  async list(owner: StreamKeyOwner): Promise<StreamKey[]> {
    return this.#sql<StreamKey[]>`
      select ${this.#columns()} from stream_keys where ${this.#of(owner)} order by created_at desc, id desc`;
  }

  /** How many keys of an owner may still admit somebody. */
  async countUsable(owner: StreamKeyOwner, now: Date): Promise<number> {
    const [row] = await this.#sql<[{ count: number }]>`
      select count(*)::int as count from stream_keys
      where ${this.#of(owner)} and revoked_at is null and (expires_at is null or expires_at > ${now})`;
    return row.count;
  }

  /**
   * Makes everybody else who would change this owner's keys wait until the transaction is over. Must be called in one.
   */
  async lock(owner: StreamKeyOwner): Promise<void> {
    const name = 'streamId' in owner ? `stream key ${owner.streamId}` : `channel key ${owner.userId}`;
    await this.#sql`select pg_advisory_xact_lock(hashtextextended(${name}, 0))`;
  }

  /** Lets a key expire, at the latest at `until`, in favour of another that is stored in the same transaction. */
  async replace(id: string, by: string, until: Date): Promise<void> {
    await this.#sql`
      update stream_keys set replaced_by = ${by}, expires_at = least(expires_at, ${until}) where id = ${id}`;
  }

  /** The first revocation stands. */
  async revoke(owner: StreamKeyOwner, id: string, now: Date): Promise<StreamKey | undefined> {
    const [row] = await this.#sql<StreamKey[]>`
      update stream_keys set revoked_at = coalesce(revoked_at, ${now}) where id = ${id} and ${this.#of(owner)}
      returning ${this.#columns()}`;
    return row;
  }

  async touch(id: string, now: Date): Promise<void> {
    await this.#sql`update stream_keys set last_used_at = ${now} where id = ${id}`;
  }

  /** Forgets the keys of an owner that admit nobody any more, but for the newest ones. */
  async forgetDead(owner: StreamKeyOwner, now: Date, keep: number): Promise<void> {
    await this.#sql`
      delete from stream_keys where id in (
        select id from stream_keys where ${this.#of(owner)} and (revoked_at is not null or expires_at <= ${now})
        order by created_at desc, id desc offset ${keep})`;
  }

  /** Deletes the keys of an owner, with their uses. @returns their ids */
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
