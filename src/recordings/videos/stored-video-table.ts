import type { Queries, Sql } from '../../platform/index.js';
import { CLAIM_S } from '../recording-table.js';

export type NewStoredVideo = { id: string; userId: string; title: string; storeId: string; startedAt: Date };

/** Statements on the recordings that are the media of uploaded videos, which have no livestream. */
export class StoredVideoTable {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Inserts a claimed row in the place of what an attempt that was interrupted has left. */
  async insert({ id, userId, title, storeId, startedAt }: NewStoredVideo, claimant: string): Promise<void> {
    await this.#sql.begin(async (sql) => {
      await sql`delete from recordings where id = ${id} and purpose = 'video' and state = 'recording'`;
      await sql`
        insert into recordings
          (id, broadcast_id, user_id, state, purpose, renditions, store_id, started_at, title, claimed_by, claimed_until)
        values (${id}, ${id}, ${userId}, 'recording', 'video', 'all', ${storeId}, ${startedAt}, ${title}, ${claimant},
          now() + ${CLAIM_S} * interval '1 s')`;
    });
  }

  /** @param sql of a transaction @returns false when another process has begun anew, or it is being deleted */
  async finish(sql: Queries, id: string, claimant: string): Promise<boolean> {
    const result = await sql`
      update recordings set state = 'ready', ended_at = started_at + duration_s * interval '1 s', end_reason = 'stopped',
        claimed_by = null, claimed_until = null
      where id = ${id} and purpose = 'video' and claimed_by = ${claimant} and state = 'recording'`;
    return result.count > 0;
  }

  /** Marks for deletion, in whatever state. @returns false when there is no row */
  async markForDeletion(id: string): Promise<boolean> {
    const result = await this.#sql`
      update recordings set state = 'deleting', claimed_by = null, claimed_until = null
      where id = ${id} and purpose = 'video'`;
    return result.count > 0;
  }
}
