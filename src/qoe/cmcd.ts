import type { Logger, Sql } from '../platform/index.js';
import { addCounts, BOUNDS_KBPS, BOUNDS_MS, count, emptyCounts } from './histogram.js';
import { PendingSums } from './pending-sums.js';

/** Client data of one request of a player (CTA-5004). */
export type CmcdSample = {
  /** Hash of the session id. */
  session?: number | undefined;
  bufferMs?: number | undefined;
  throughputKbps?: number | undefined;
  isStarved: boolean;
  isUrgent: boolean;
};

export type CmcdTotals = {
  sessions: number;
  requests: number;
  starvations: number;
  urgent: number;
  bufferCounts: number[];
  throughputCounts: number[];
};
type BroadcastCmcd = CmcdTotals & { broadcastId: string };

/** Different sessions that are counted, of one broadcast and of all. */
const MAXIMUM_SESSIONS = { broadcast: 20_000, all: 200_000 };
const NUMBERS = ['sessions', 'requests', 'starvations', 'urgent'] as const;

/** Sums up the client data of requests, in the table `broadcast_cmcd`. */
export class CmcdSums {
  readonly #sql: Sql;
  readonly #pending: PendingSums<BroadcastCmcd>;
  /** Sessions that were counted, by running broadcast. */
  readonly #sessions = new Map<string, Set<number>>();
  #sessionCount = 0;

  constructor({ sql, log }: { sql: Sql; log: Logger }) {
    this.#sql = sql;
    this.#pending = new PendingSums({ merge, store: (sums) => this.#add(sums), log });
  }

  record(broadcastId: string, sample: CmcdSample): void {
    const sums = this.#pending.open(broadcastId, () => emptySums(broadcastId));
    if (!sums) return;
    const { session, bufferMs, throughputKbps, isStarved, isUrgent } = sample;
    sums.requests += 1;
    if (isStarved) sums.starvations += 1;
    if (isUrgent) sums.urgent += 1;
    if (bufferMs !== undefined) count(sums.bufferCounts, bufferMs, BOUNDS_MS);
    if (throughputKbps !== undefined) count(sums.throughputCounts, throughputKbps, BOUNDS_KBPS);
    if (session !== undefined && this.#isNew(broadcastId, session)) sums.sessions += 1;
  }

  /** The broadcast is over: its sessions are not told apart any more. */
  forget(broadcastId: string): void {
    this.#sessionCount -= this.#sessions.get(broadcastId)?.size ?? 0;
    this.#sessions.delete(broadcastId);
  }

  stored(): Promise<void> {
    return this.#pending.stored();
  }

  #isNew(broadcastId: string, session: number): boolean {
    const known = this.#sessions.get(broadcastId) ?? new Set();
    if (known.has(session) || known.size >= MAXIMUM_SESSIONS.broadcast) return false;
    if (this.#sessionCount >= MAXIMUM_SESSIONS.all) return false;
    this.#sessions.set(broadcastId, known.add(session));
    this.#sessionCount += 1;
    return true;
  }

  /** Adds sums to the stored ones; those of broadcasts that are deleted are left out. */
  async #add(sums: readonly BroadcastCmcd[]): Promise<void> {
    await this.#sql`
      insert into broadcast_cmcd as stored (broadcast_id, sessions, requests, starvations, urgent, buffer_counts,
        throughput_counts)
      select sums.* from jsonb_to_recordset(${this.#sql.json([...sums])}) as sums ("broadcastId" uuid,
        sessions bigint, requests bigint, starvations bigint, urgent bigint, "bufferCounts" bigint[],
        "throughputCounts" bigint[])
      join broadcasts on broadcasts.id = sums."broadcastId"
      on conflict (broadcast_id) do update set
        sessions = stored.sessions + excluded.sessions, requests = stored.requests + excluded.requests,
        starvations = stored.starvations + excluded.starvations, urgent = stored.urgent + excluded.urgent,
        buffer_counts = ${addCounts(this.#sql, 'buffer_counts')},
        throughput_counts = ${addCounts(this.#sql, 'throughput_counts')}`;
  }
}

function emptySums(broadcastId: string): BroadcastCmcd {
  return {
    ...{ broadcastId, sessions: 0, requests: 0, starvations: 0, urgent: 0 },
    ...{ bufferCounts: emptyCounts(), throughputCounts: emptyCounts() },
  };
}

function merge(sums: BroadcastCmcd, further: BroadcastCmcd): void {
  for (const name of NUMBERS) sums[name] += further[name];
  for (const name of ['bufferCounts', 'throughputCounts'] as const)
    sums[name] = sums[name].map((each, index) => each + (further[name][index] ?? 0));
}
