import type { Sql } from '../../platform/index.js';

type PublishAttempt = {
  id: string;
  /** Livestream of the attempt; null if it was not determined. */
  streamId: string | null;
  usedAt: Date;
  protocol: string;
  /** Network address of the publisher. */
  address: string;
  /** `admitted`, or the code of the refusal. */
  outcome: string;
};

/** Attempt to publish with a key. */
export type StreamKeyUse = PublishAttempt & { keyId: string };

/** Attempt of a signed-in user to publish without a key. */
export type PublisherSignIn = PublishAttempt & {
  streamId: string;
  /** The user, or `operator`. */
  userId: string;
};

/**
 * Records kept per key or livestream for admissions, and as many for refusals: a flood of refusals must not displace
 * admissions.
 */
const KEPT_ATTEMPTS = 1_000;

/** Differences between the two tables of attempts. */
type Layout = {
  table: 'stream_key_uses' | 'publisher_sign_ins';
  /** Column and property of the key or user of an attempt. */
  by: { column: 'key_id'; property: 'keyId' } | { column: 'user_id'; property: 'userId' };
  /** Column and property of what attempts are kept and listed for. */
  of: { column: 'key_id'; property: 'keyId' } | { column: 'stream_id'; property: 'streamId' };
};

/** Uses of stream keys, listed by key. */
export function streamKeyUses(sql: Sql): PublishAttemptTable<StreamKeyUse> {
  const key = { column: 'key_id', property: 'keyId' } as const;
  return new PublishAttemptTable(sql, { table: 'stream_key_uses', by: key, of: key });
}

/** Attempts without a key, listed by livestream. */
export function publisherSignIns(sql: Sql): PublishAttemptTable<PublisherSignIn> {
  return new PublishAttemptTable(sql, {
    table: 'publisher_sign_ins',
    by: { column: 'user_id', property: 'userId' },
    of: { column: 'stream_id', property: 'streamId' },
  });
}

/** Statements on the tables `stream_key_uses` and `publisher_sign_ins`; no other class queries them. */
export class PublishAttemptTable<Attempt extends StreamKeyUse | PublisherSignIn> {
  readonly #sql: Sql;
  readonly #layout: Layout;

  constructor(sql: Sql, layout: Layout) {
    this.#sql = sql;
    this.#layout = layout;
  }

  /** Inserts a record and deletes the oldest ones of its key or livestream beyond `KEPT_ATTEMPTS`. */
  async insert(attempt: Attempt): Promise<void> {
    const sql = this.#sql;
    const { by, of } = this.#layout;
    const { id, streamId, usedAt, protocol, address, outcome } = attempt;
    const values = attempt as unknown as Record<string, string>;
    const table = sql(this.#layout.table);
    const alike = sql`
      ${sql(of.column)} = ${values[of.property]!} and (outcome = 'admitted') = ${outcome === 'admitted'}`;
    // Both statements see the table as it was before, so one fewer is kept.
    await sql`
      with forgotten as (
        delete from ${table} where ${alike} and id <= (
          select id from ${table} where ${alike} order by id desc offset ${KEPT_ATTEMPTS - 1} limit 1))
      insert into ${table} (id, ${sql(by.column)}, stream_id, used_at, protocol, address, outcome)
      values (${id}, ${values[by.property]!}, ${streamId}, ${usedAt}, ${protocol}, ${address}, ${outcome})`;
  }

  /** @param of id of the key or livestream. Newest first. */
  async list(of: string, page: { limit: number; offset: number }): Promise<Attempt[]> {
    const sql = this.#sql;
    const { table, by, of: listed } = this.#layout;
    return await sql<Attempt[]>`
      select id, ${sql(by.column)} as ${sql(by.property)}, stream_id as "streamId", used_at as "usedAt",
        protocol, address, outcome
      from ${sql(table)} where ${sql(listed.column)} = ${of}
      order by id desc limit ${page.limit} offset ${page.offset}`;
  }

  /** Deletes the oldest records from before a moment. @returns their number. */
  async sweep(before: Date, atMost: number): Promise<number> {
    const table = this.#sql(this.#layout.table);
    const result = await this.#sql`
      delete from ${table} where id in (
        select id from ${table} where used_at < ${before} order by used_at limit ${atMost})`;
    return result.count;
  }
}
