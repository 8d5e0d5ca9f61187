import type { Sql } from '../../platform/index.js';

/** Somebody showed a key. */
export type StreamKeyUse = {
  id: string;
  keyId: string;
  /** What it was to open, if that was found out. */
  streamId: string | null;
  usedAt: Date;
  protocol: string;
  /** The publisher's network address. */
  address: string;
  /** `admitted`, or the code of the refusal. */
  outcome: string;
};

/** Uses kept of one key, at most; as many refused ones, so that nobody floods away who was admitted. */
export const KEPT_USES = 1_000;

/** Statements on the table `stream_key_uses`; nobody else queries it. */
export class StreamKeyUseTable {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Notes a use and forgets the oldest ones beyond `KEPT_USES`. */
  async insert(use: StreamKeyUse): Promise<void> {
    const { id, keyId, streamId, usedAt, protocol, address, outcome } = use;
    const alike = this.#sql`key_id = ${keyId} and (outcome = 'admitted') = ${outcome === 'admitted'}`;
    // All of it sees the table as it was before: one fewer is kept of what is there.
    await this.#sql`
      with forgotten as (
        delete from stream_key_uses where ${alike} and id <= (
          select id from stream_key_uses where ${alike} order by id desc offset ${KEPT_USES - 1} limit 1))
      insert into stream_key_uses (id, key_id, stream_id, used_at, protocol, address, outcome)
      values (${id}, ${keyId}, ${streamId}, ${usedAt}, ${protocol}, ${address}, ${outcome})`;
  }

  /** The newest first. */
  async list(keyId: string, page: { limit: number; offset: number }): Promise<StreamKeyUse[]> {
    return this.#sql<StreamKeyUse[]>`
      select id, key_id as "keyId", stream_id as "streamId", used_at as "usedAt", protocol, address, outcome
      from stream_key_uses where key_id = ${keyId}
      order by id desc limit ${page.limit} offset ${page.offset}`;
  }

  /** Deletes the oldest from before a moment. @returns how many */
  async sweep(before: Date, atMost: number): Promise<number> {
    const result = await this.#sql`
      delete from stream_key_uses where id in (
        select id from stream_key_uses where used_at < ${before} order by used_at limit ${atMost})`;
    return result.count;
  }
}
