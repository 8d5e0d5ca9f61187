import type { Sql } from '../../platform/index.js';

/** Statements on the table `follows`; user ids of accounts here and of a host platform. */
export class FollowTable {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Idempotent. @returns false when the follower follows `atMost` users. */
  async insert(follower: string, followed: string, now: Date, atMost: number): Promise<boolean> {
    const [row] = await this.#sql<[{ full: boolean }]>`
      with made as (
        insert into follows (follower_id, followed_id, created_at)
        select ${follower}, ${followed}, ${now}::timestamptz
        where (select count(*) from follows where follower_id = ${follower}) < ${atMost}
        on conflict do nothing
        returning 1
      )
      select not exists (select from made) and not exists (
        select from follows where follower_id = ${follower} and followed_id = ${followed}) as full`;
    return !row.full;
  }

  async delete(follower: string, followed: string): Promise<void> {
    await this.#sql`delete from follows where follower_id = ${follower} and followed_id = ${followed}`;
  }

  /** Deletes follows by and of a user. */
  async deleteOf(userId: string): Promise<void> {
    await this.#sql`delete from follows where follower_id = ${userId} or followed_id = ${userId}`;
  }

  async countFollowers(followed: string): Promise<number> {
    const [row] = await this.#sql<[{ count: number }]>`
      select count(*)::int as count from follows where followed_id = ${followed}`;
    return row.count;
  }

  async has(follower: string, followed: string): Promise<boolean> {
    const [row] = await this.#sql`
      select from follows where follower_id = ${follower} and followed_id = ${followed}`;
    return row !== undefined;
  }
}
