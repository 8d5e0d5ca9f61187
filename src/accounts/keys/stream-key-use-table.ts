import type { Sql } from '../../platform/index.js';

/** Attempt to publish with a key. */
export type StreamKeyUse = {
  id: string;
  keyId: string;
  /** Livestream of the attempt, if it was determined. */
  streamId: string | null;
  usedAt: Date;
  protocol: string;
  /** Network address of the publisher. */
  address: string;
  /** `admitted`, or the code of the refusal. */
  outcome: string;
};

/**
 * Records kept per key for admissions, and as many for refusals: a flood of refusals must not displace admissions.
 */
export const KEPT_USES = 1_000;

/** Statements on the table `stream_key_uses`; no other class queries it. */
export class StreamKeyUseTable {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Inserts a use and deletes the oldest ones beyond `KEPT_USES`. */
  async insert(use: StreamKeyUse): Promise<void> {
    const { id, keyId, streamId, usedAt, protocol, address, outcome } = use;
    const alike = this.#sql`key_id = ${keyId} and (outcome = 'admitted') = ${outcome === 'admitted'}`;
    // Both statements see the table as it was before, so one fewer is kept.
    await this.#sql`
      with forgotten as (
        delete from stream_key_uses where ${alike} and id <= (
          select id from stream_key_uses where ${alike} order by id desc offset ${KEPT_USES - 1} limit 1))
      insert into stream_key_uses (id, key_id, stream_id, used_at, protocol, address, outcome)
      values (${id}, ${keyId}, ${streamId}, ${usedAt}, ${protocol}, ${address}, ${outcome})`;
  }

  /** Newest first. */
  async list(keyId: string, page: { limit: number; offset: number }): Promise<StreamKeyUse[]> {
    return this.#sql<StreamKeyUse[]>`
      select id, key_id as "keyId", stream_id as "streamId", used_at as "usedAt", protocol, address, outcome
      from stream_key_uses where key_id = ${keyId}
      order by id desc limit ${page.limit} offset ${page.offset}`;
  }

  /** Deletes the oldest records from before a moment. @returns their number. */
  async sweep(before: Date, atMost: number): Promise<number> {
    const result = await this.#sql`
      delete from stream_key_uses where id in (
        select id from stream_key_uses where used_at < ${before} order by used_at limit ${atMost})`;
    return result.count;
  }
}
