import type { Sql } from '../platform/index.js';

/** Somebody who may watch a private livestream. */
export type LivestreamGuest = { userId: string; invitedAt: Date };

/** Statements on the table `livestream_guests`; nobody else queries it. */
export class LivestreamGuestTable {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async has(streamId: string, userId: string): Promise<boolean> {
    const rows = await this.#sql`
      select from livestream_guests where stream_id = ${streamId} and user_id = ${userId}`;
    return rows.count > 0;
  }
}
