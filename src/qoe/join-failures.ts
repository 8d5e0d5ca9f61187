import type { Logger, Sql } from '../platform/index.js';
import { PendingSums } from './pending-sums.js';

type MinuteFailures = { broadcastId: string; minute: string; code: string; failures: number };

/** Failures of one code in one interval of a range. */
export type JoinFailureCount = { index: number; code: string; failures: number };

const MINUTE_MS = 60_000;

/** Counts failed attempts to watch, in the table `broadcast_join_failures`. */
export class JoinFailures {
  readonly #sql: Sql;
  readonly #pending: PendingSums<MinuteFailures>;

  constructor({ sql, log }: { sql: Sql; log: Logger }) {
    this.#sql = sql;
    this.#pending = new PendingSums<MinuteFailures>({
      merge: (sums, further) => {
        sums.failures += further.failures;
      },
      store: (sums) => this.#add(sums),
      log,
    });
  }

  /** @param code one of the gateway's own: they are few */
  record(broadcastId: string, code: string, atMs: number): void {
    const minute = new Date(Math.floor(atMs / MINUTE_MS) * MINUTE_MS).toISOString();
    const sums = this.#pending.open(`${broadcastId} ${minute} ${code}`, () => {
      return { broadcastId, minute, code, failures: 0 };
    });
    if (sums) sums.failures += 1;
  }

  stored(): Promise<void> {
    return this.#pending.stored();
  }

  /** Returns the failures of a broadcast by interval and code. */
  async list(broadcastId: string, { from, intervalS }: { from: Date; intervalS: number }) {
    return await this.#sql<JoinFailureCount[]>`
      select greatest(0, floor(extract(epoch from minute - ${from}::timestamptz) / ${intervalS}::numeric))::int as index, code,
        sum(failures)::float8 as failures
      from broadcast_join_failures
      where broadcast_id = ${broadcastId} and minute > ${from}::timestamptz - interval '1 minute'
      group by 1, 2 order by 1, 2`;
  }

  /** Adds to what is stored; failures of broadcasts that are deleted are left out. */
  async #add(sums: readonly MinuteFailures[]): Promise<void> {
    await this.#sql`
      insert into broadcast_join_failures as stored (broadcast_id, minute, code, failures)
      select sums.* from jsonb_to_recordset(${this.#sql.json([...sums])}) as sums ("broadcastId" uuid,
        minute timestamptz, code text, failures bigint)
      join broadcasts on broadcasts.id = sums."broadcastId"
      on conflict (broadcast_id, minute, code) do update set failures = stored.failures + excluded.failures`;
  }
}
