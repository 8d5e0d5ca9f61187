import type { Sql } from '../platform/index.js';
import type { ViewerProtocol } from '../streams/index.js';
import { NO_VIEWERS, type ViewerMinute } from './stream-audience.js';
import type { View } from './viewer.js';

/** Statements on `livestream_viewers`, `livestream_viewer_minutes` and `audience_heartbeat`, which no other class queries. */
export class ViewHistoryTable {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /**
   * Inserts or updates views.
   *
   * @throws PostgresError 23503 if a livestream was deleted: then none of them is stored
   */
  async saveViews(views: readonly View[]): Promise<void> {
    const rows = views.map(({ id, viewerId, streamId, userId, joinedAt, leftAt, protocol }) => ({
      id,
      viewer_id: viewerId,
      stream_id: streamId,
      user_id: userId,
      joined_at: joinedAt.toISOString(),
      left_at: leftAt?.toISOString() ?? null,
      protocol,
    }));
    await this.#sql`
      insert into livestream_viewers (id, viewer_id, stream_id, user_id, joined_at, left_at, protocol)
      select id, viewer_id, stream_id, user_id, joined_at, left_at, protocol
      from jsonb_to_recordset(${this.#sql.json(rows)}) as view (id uuid, viewer_id uuid, stream_id uuid, user_id text,
        joined_at timestamptz, left_at timestamptz, protocol text)
      on conflict (id) do update
      set user_id = excluded.user_id, left_at = excluded.left_at, protocol = excluded.protocol`;
  }

  /** Inserts minutes, or raises their numbers. @throws as `saveViews` */
  async saveMinutes(minutes: readonly (ViewerMinute & { streamId: string })[]): Promise<void> {
    const rows = minutes.map(({ streamId, startedAt, total, byProtocol }) => ({
      stream_id: streamId,
      minute: new Date(startedAt).toISOString(),
      viewers: total,
      by_protocol: byProtocol,
    }));
    await this.#sql`
      insert into livestream_viewer_minutes (stream_id, minute, viewers, by_protocol)
      select stream_id, minute, viewers, by_protocol
      from jsonb_to_recordset(${this.#sql.json(rows)}) as noted (stream_id uuid, minute timestamptz, viewers integer,
        by_protocol jsonb)
      on conflict (stream_id, minute) do update
      set viewers = excluded.viewers, by_protocol = excluded.by_protocol
      where livestream_viewer_minutes.viewers <= excluded.viewers`;
  }

  /** Returns the newest minutes with viewers, in ascending order. */
  async minutes(streamId: string, since: Date, limit: number): Promise<ViewerMinute[]> {
    const rows = await this.#sql<
      { minute: Date; viewers: number; byProtocol: Partial<Record<ViewerProtocol, number>> }[]
    >`
      select minute, viewers, by_protocol as "byProtocol" from livestream_viewer_minutes
      where stream_id = ${streamId} and minute >= ${since} order by minute desc limit ${limit}`;
    return rows
      .map(({ minute, viewers: total, byProtocol }) => ({
        startedAt: minute.getTime(),
        total,
        // Older rows lack newer protocols.
        byProtocol: { ...NO_VIEWERS, ...byProtocol },
      }))
      .reverse();
  }

  /** Removes the user id from views of a user. @returns the number changed */
  async anonymizeUser(userId: string, atMost: number): Promise<number> {
    const result = await this.#sql`
      update livestream_viewers set user_id = null
      where id in (select id from livestream_viewers where user_id = ${userId} limit ${atMost})`;
    return result.count;
  }

  /** Deletes the views that ended first, before a time. @returns the number deleted */
  async sweepViews(before: Date, atMost: number): Promise<number> {
    const result = await this.#sql`
      delete from livestream_viewers where id in (
        select id from livestream_viewers where left_at < ${before} order by left_at limit ${atMost})`;
    return result.count;
  }

  /** Deletes the oldest minutes before a time. @returns the number deleted */
  async sweepMinutes(before: Date, atMost: number): Promise<number> {
    const result = await this.#sql`
      delete from livestream_viewer_minutes where (stream_id, minute) in (
        select stream_id, minute from livestream_viewer_minutes where minute < ${before}
        order by minute limit ${atMost})`;
    return result.count;
  }

  /** Stores the time until which open views are known to be in progress. */
  async saveHeartbeat(now: Date): Promise<void> {
    await this.#sql`
      insert into audience_heartbeat (last_seen_at) values (${now})
      on conflict (id) do update set last_seen_at = excluded.last_seen_at`;
  }

  /**
   * Closes views left open by a crashed gateway, at the time of its last heartbeat.
   *
   * @returns the number closed
   */
  async closeOpenViews(): Promise<number> {
    const result = await this.#sql`
      update livestream_viewers
      set left_at = greatest(joined_at, coalesce((select last_seen_at from audience_heartbeat), joined_at))
      where left_at is null`;
    return result.count;
  }

  /** Returns views that ended since a time, in the order of their end; of each viewer the newest only. */
  async endedSince(since: Date, limit: number): Promise<View[]> {
    const views = await this.#sql<View[]>`
      select id, viewer_id as "viewerId", stream_id as "streamId", user_id as "userId", joined_at as "joinedAt",
        left_at as "leftAt", protocol
      from livestream_viewers where left_at > ${since} and viewer_id is not null
      order by left_at desc limit ${limit}`;
    const newest = new Map<string, View>();
    for (const view of views) if (!newest.has(view.viewerId)) newest.set(view.viewerId, view);
    return [...newest.values()].reverse();
  }
}
