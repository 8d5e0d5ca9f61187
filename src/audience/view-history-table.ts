import type { Sql } from '../platform/index.js';
import type { ViewerProtocol } from '../streams/index.js';
import { NO_VIEWERS, type ViewerMinute } from './stream-audience.js';
import type { View } from './viewer.js';

/** Time that is analyzed, and the length of the intervals of its series, seconds. */
export type AnalyzedTime = { from: Date; to: Date; intervalS: number };

type ViewSums = {
  protocol: ViewerProtocol | null;
  /** The sum of all protocols. */
  isTotal: boolean;
  views: number;
  viewers: number;
  watchTimeS: number;
};

export type ViewAnalysis = { sums: ViewSums[]; series: ViewInterval[] };

/** Interval of a series, counted from 0. */
type ViewInterval = { index: number; joined: number; departed: number; total: number } & Record<
  ViewerProtocol,
  number
>;

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

  /** Returns sums and series of the views within a time. */
  async analyze(streamId: string, time: AnalyzedTime): Promise<ViewAnalysis> {
    const [sums, series] = await Promise.all([this.#sums(streamId, time), this.#series(streamId, time)]);
    return { sums, series };
  }

  /** Sums the views within a time, all and by protocol (null: they saw no picture). */
  async #sums(streamId: string, { from, to }: AnalyzedTime): Promise<ViewSums[]> {
    return await this.#sql<ViewSums[]>`
      select protocol, grouping(protocol) = 1 as "isTotal", count(*)::int as views,
        count(distinct coalesce(viewer_id, id))::int as viewers,
        coalesce(sum(extract(epoch from least(coalesce(left_at, ${to}), ${to}) - greatest(joined_at, ${from}))), 0)::float8
          as "watchTimeS"
      from livestream_viewers where ${this.#within(streamId, from, to)}
      group by rollup (protocol)`;
  }

  /** Counts viewers who joined and left, and the most at the same time, by interval; intervals without any are missing. */
  async #series(streamId: string, { from, to, intervalS }: AnalyzedTime): Promise<ViewInterval[]> {
    const intervalOf = (time: ReturnType<Sql>): ReturnType<Sql> =>
      this.#sql`floor(extract(epoch from ${time} - ${from}::timestamptz) / ${intervalS})::int`;
    return await this.#sql<ViewInterval[]>`
      with joins as (
        select ${intervalOf(this.#sql`greatest(joined_at, ${from})`)} as index, count(*)::int as joined
        from livestream_viewers where ${this.#within(streamId, from, to)} group by 1
      ), leaving as (
        select ${intervalOf(this.#sql`left_at`)} as index, count(*)::int as departed
        from livestream_viewers where ${this.#within(streamId, from, to)} and left_at < ${to} group by 1
      ), minutes as (
        select ${intervalOf(this.#sql`greatest(minute, ${from})`)} as index, max(viewers) as total,
          max((by_protocol ->> 'whep')::int) as whep, max((by_protocol ->> 'll-hls')::int) as "ll-hls",
          max((by_protocol ->> 'hls')::int) as hls, max((by_protocol ->> 'dash')::int) as dash
        from livestream_viewer_minutes
        where stream_id = ${streamId} and minute >= date_trunc('minute', ${from}::timestamptz) and minute < ${to}
        group by 1
      )
      select index, coalesce(joined, 0) as joined, coalesce(departed, 0) as departed, coalesce(total, 0) as total,
        coalesce(whep, 0) as whep, coalesce("ll-hls", 0) as "ll-hls", coalesce(hls, 0) as hls, coalesce(dash, 0) as dash
      from joins full join leaving using (index) full join minutes using (index) order by index`;
  }

  /** Condition of views that overlap a time. They began at most a day before, so that the index by time serves it. */
  #within(streamId: string, from: Date, to: Date): ReturnType<Sql> {
    return this.#sql`stream_id = ${streamId} and joined_at >= ${from}::timestamptz - interval '1 day'
      and joined_at < ${to} and (left_at is null or left_at > ${from})`;
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
