import type { Sql } from '../../platform/index.js';
import type { Page } from './livestream-table.js';

/** User who may watch a private livestream. */
export type LivestreamInvitee = { userId: string; invitedAt: Date };

/** Statements on the table `livestream_guests`; no other file queries it. */
export class LivestreamInviteeTable {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async has(streamId: string, userId: string): Promise<boolean> {
    const rows = await this.#sql`
      select from livestream_guests where stream_id = ${streamId} and user_id = ${userId}`;
    return rows.count > 0;
  }

  /** Whether a user is invited to a livestream that is not in a private test. */
  async admits(streamId: string, userId: string): Promise<boolean> {
    const rows = await this.#sql`
      select from livestream_guests join livestreams on livestreams.id = livestream_guests.stream_id
      where stream_id = ${streamId} and livestream_guests.user_id = ${userId} and visibility_after_test is null`;
    return rows.count > 0;
  }

  /** In the order of their invitations. */
  async list(streamId: string, page: Page): Promise<LivestreamInvitee[]> {
    return this.#sql<LivestreamInvitee[]>`
      select user_id as "userId", created_at as "invitedAt" from livestream_guests where stream_id = ${streamId}
      order by created_at, user_id limit ${page.limit} offset ${page.offset}`;
  }

  async count(streamId: string): Promise<number> {
    const [row] = await this.#sql<[{ count: number }]>`
      select count(*)::int as count from livestream_guests where stream_id = ${streamId}`;
    return row.count;
  }

  /** Inserting an existing invitee changes nothing. The livestream must exist. */
  async insert(streamId: string, userId: string): Promise<void> {
    await this.#sql`
      insert into livestream_guests (stream_id, user_id) values (${streamId}, ${userId}) on conflict do nothing`;
  }

  /** Removes a user from all livestreams. @returns ids of those livestreams */
  async deleteAllOf(userId: string): Promise<string[]> {
    const rows = await this.#sql<{ streamId: string }[]>`
      delete from livestream_guests where user_id = ${userId} returning stream_id as "streamId"`;
    return rows.map(({ streamId }) => streamId);
  }

  /** @returns false when they were not invited. */
  async delete(streamId: string, userId: string): Promise<boolean> {
    const result = await this.#sql`
      delete from livestream_guests where stream_id = ${streamId} and user_id = ${userId}`;
    return result.count > 0;
  }
}
