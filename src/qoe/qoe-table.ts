import type { Sql } from '../platform/index.js';
import type { CmcdTotals } from './cmcd.js';
import { addCounts } from './histogram.js';
import type { QoeDelivery, QoeTotals } from './qoe-totals.js';

export type BroadcastTotals = QoeTotals & { broadcastId: string; delivery: QoeDelivery };

/** A broadcast with the sums of its reports; without any there is no entry in `totals`. */
export type BroadcastQoe = {
  broadcastId: string;
  startedAt: Date;
  endedAt: Date | null;
  totals: ({ delivery: QoeDelivery } & QoeTotals)[];
  /** Client data of requests for HLS and DASH; null: none. */
  cmcd: CmcdTotals | null;
};

/** Statements on the table `broadcast_qoe`. */
export class QoeTable {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Adds sums to the stored ones; those of broadcasts that are deleted are left out. */
  async add(sums: readonly BroadcastTotals[]): Promise<void> {
    await this.#sql`
      insert into broadcast_qoe as stored (broadcast_id, delivery, plays, played_ms, rebuffers, rebuffer_ms, switches,
        failures, falls, startup_counts, latency_counts)
      select sums.* from jsonb_to_recordset(${this.#sql.json([...sums])}) as sums ("broadcastId" uuid, delivery text,
        plays bigint, "playedMs" bigint, rebuffers bigint, "rebufferMs" bigint, switches bigint, failures bigint,
        falls jsonb, "startupCounts" bigint[], "latencyCounts" bigint[])
      join broadcasts on broadcasts.id = sums."broadcastId"
      on conflict (broadcast_id, delivery) do update set
        plays = stored.plays + excluded.plays, played_ms = stored.played_ms + excluded.played_ms,
        rebuffers = stored.rebuffers + excluded.rebuffers, rebuffer_ms = stored.rebuffer_ms + excluded.rebuffer_ms,
        switches = stored.switches + excluded.switches, failures = stored.failures + excluded.failures,
        falls = (select coalesce(jsonb_object_agg(key, total), '{}') from (
          select key, sum(value::bigint) as total from (
            select * from jsonb_each_text(stored.falls) union all select * from jsonb_each_text(excluded.falls)
          ) as both_falls group by key) as added),
        startup_counts = ${addCounts(this.#sql, 'startup_counts')},
        latency_counts = ${addCounts(this.#sql, 'latency_counts')}`;
  }

  /** Returns the newest broadcasts of a livestream with their sums, newest first. */
  async list(streamId: string, limit: number): Promise<BroadcastQoe[]> {
    return await this.#sql<BroadcastQoe[]>`
      select b.id as "broadcastId", b.started_at as "startedAt", b.ended_at as "endedAt",
        coalesce((select jsonb_agg(jsonb_build_object('delivery', delivery, 'plays', plays, 'playedMs', played_ms,
          'rebuffers', rebuffers, 'rebufferMs', rebuffer_ms, 'switches', switches, 'failures', failures,
          'falls', falls, 'startupCounts', startup_counts, 'latencyCounts', latency_counts) order by delivery desc)
          from broadcast_qoe where broadcast_id = b.id), '[]') as totals,
        (select jsonb_build_object('sessions', sessions, 'requests', requests, 'starvations', starvations,
          'urgent', urgent, 'bufferCounts', buffer_counts, 'throughputCounts', throughput_counts)
          from broadcast_cmcd where broadcast_id = b.id) as cmcd
      from broadcasts b where b.stream_id = ${streamId} order by b.started_at desc limit ${limit}`;
  }
}
