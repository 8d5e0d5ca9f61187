import type { Sql } from '../platform/index.js';
import type { Finding } from './finding.js';

export type StoredFinding = Finding & { broadcastId: string };

/** A broadcast and its times, Unix ms. */
export type BroadcastTimes = { id: string; startedAt: number; endedAt: number | null };

/** Statements on the table `broadcast_findings`. */
export class FindingTable {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Stores findings, each in place of the one with its code; those of broadcasts that are deleted are left out. */
  async save(findings: readonly StoredFinding[]): Promise<void> {
    const time = (unixMs: number): string => new Date(unixMs).toISOString();
    const rows = findings.map(({ since, until, ...finding }) => ({
      ...finding,
      since: time(since),
      until: until === null ? null : time(until),
    }));
    await this.#sql`
      insert into broadcast_findings (broadcast_id, code, severity, message, cure, since, until, occurrences)
      select finding.* from jsonb_to_recordset(${this.#sql.json(rows)}) as finding ("broadcastId" uuid, code text,
        severity text, message text, cure text, since timestamptz, until timestamptz, occurrences integer)
      join broadcasts on broadcasts.id = finding."broadcastId"
      on conflict (broadcast_id, code) do update set
        (severity, message, cure, since, until, occurrences) =
        (excluded.severity, excluded.message, excluded.cure, excluded.since, excluded.until, excluded.occurrences)`;
  }

  /** Returns the findings of a broadcast, oldest first. Those present at the end of a broadcast ended with it. */
  async list(broadcastId: string): Promise<Finding[]> {
    const rows = await this.#sql<(Omit<Finding, 'since' | 'until'> & { since: Date; until: Date | null })[]>`
      select code, severity, message, cure, since, coalesce(until, ended_at) as until, occurrences
      from broadcast_findings join broadcasts on broadcasts.id = broadcast_id
      where broadcast_id = ${broadcastId} order by since, code`;
    return rows.map((row) => ({ ...row, since: row.since.getTime(), until: row.until?.getTime() ?? null }));
  }

  /** Returns the newest broadcast of a livestream. */
  async newestBroadcast(streamId: string): Promise<BroadcastTimes | undefined> {
    const [row] = await this.#sql<{ id: string; startedAt: Date; endedAt: Date | null }[]>`
      select id, started_at as "startedAt", ended_at as "endedAt" from broadcasts
      where stream_id = ${streamId} order by started_at desc limit 1`;
    return row && { id: row.id, startedAt: row.startedAt.getTime(), endedAt: row.endedAt?.getTime() ?? null };
  }
}
