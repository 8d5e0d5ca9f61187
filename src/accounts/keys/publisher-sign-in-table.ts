import type { Sql } from '../../platform/index.js';
import { KEPT_USES } from './stream-key-use-table.js';

/** Attempt of a signed-in user to publish without a key. */
export type PublisherSignIn = {
  id: string;
  streamId: string;
  /** The user, or `operator`. */
  userId: string;
  usedAt: Date;
  protocol: string;
  /** Network address of the publisher. */
  address: string;
  /** `admitted`, or the code of the refusal. */
  outcome: string;
};

/** Statements on the table `publisher_sign_ins`; no other class queries it. */
export class PublisherSignInTable {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Inserts a record and deletes the livestream's oldest ones beyond `KEPT_USES`. */
  async insert(signIn: PublisherSignIn): Promise<void> {
    const { id, streamId, userId, usedAt, protocol, address, outcome } = signIn;
    const alike = this.#sql`stream_id = ${streamId} and (outcome = 'admitted') = ${outcome === 'admitted'}`;
    // Both statements see the table as it was before, as with uses of keys.
    await this.#sql`
      with forgotten as (
        delete from publisher_sign_ins where ${alike} and id <= (
          select id from publisher_sign_ins where ${alike} order by id desc offset ${KEPT_USES - 1} limit 1))
      insert into publisher_sign_ins (id, stream_id, user_id, used_at, protocol, address, outcome)
      values (${id}, ${streamId}, ${userId}, ${usedAt}, ${protocol}, ${address}, ${outcome})`;
  }

  /** Newest first. */
  async list(streamId: string, page: { limit: number; offset: number }): Promise<PublisherSignIn[]> {
    return this.#sql<PublisherSignIn[]>`
      select id, stream_id as "streamId", user_id as "userId", used_at as "usedAt", protocol, address, outcome
      from publisher_sign_ins where stream_id = ${streamId}
      order by id desc limit ${page.limit} offset ${page.offset}`;
  }

  /** Deletes the oldest records from before a moment. @returns their number. */
  async sweep(before: Date, atMost: number): Promise<number> {
    const result = await this.#sql`
      delete from publisher_sign_ins where id in (
        select id from publisher_sign_ins where used_at < ${before} order by used_at limit ${atMost})`;
    return result.count;
  }
}
