import type { SourceInfo } from '../../media/index.js';
import { HeadendError, type Sql } from '../../platform/index.js';
import type { LivestreamLadder } from '../livestream/livestream-ladder.js';
import type { BroadcastEnd } from './end-reason.js';

/** Row of a broadcast that has not ended. */
export type OpenBroadcast = {
  id: string;
  streamId: string;
  /** The origin of its media timeline. */
  startedAt: Date;
  /** Time of the last heartbeat. */
  lastSeenAt: Date;
  /** Encoder runs opened so far. */
  runs: number;
  source: SourceInfo | null;
  /** Null: the gateway's. */
  ladder: LivestreamLadder | null;
};

/** A broadcast that runs or has ended. */
export type StoredBroadcast = {
  id: string;
  startedAt: Date;
  /** Null: it runs. */
  endedAt: Date | null;
  endReason: BroadcastEnd | null;
};

/** Statements on the table `broadcasts`; no other file queries it. A stream has at most one open broadcast. */
export class BroadcastTable {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Stores a new broadcast with the present ladder of its livestream. @returns the ladder; null: the gateway's */
  async insert(broadcast: {
    id: string;
    streamId: string;
    startedAt: Date;
  }): Promise<LivestreamLadder | null> {
    const { id, streamId, startedAt } = broadcast;
    const [row] = await this.#sql<[{ ladder: LivestreamLadder | null }]>`
      insert into broadcasts (id, stream_id, started_at, last_seen_at, ladder)
      values (${id}, ${streamId}, ${startedAt}, ${startedAt}, (select ladder from livestreams where id = ${streamId}))
      returning ladder`;
    return row.ladder;
  }

  /**
   * Opens an encoder run.
   *
   * @returns its index, from 0; no index is returned twice, also across crashes.
   * @throws HeadendError `broadcast_unknown`
   */
  async nextRun(id: string): Promise<number> {
    const [row] = await this.#sql<{ index: number }[]>`
      update broadcasts set runs = runs + 1 where id = ${id} returning runs - 1 as index`;
    if (!row) throw new HeadendError('broadcast_unknown', `There is no broadcast ${id}.`);
    return row.index;
  }

  /** Stores the heartbeat of all given broadcasts, in one statement. */
  async touch(ids: string[], now: Date): Promise<void> {
    if (ids.length === 0) return;
    await this.#sql`
      update broadcasts set last_seen_at = ${now} where id = any(${ids}::uuid[]) and ended_at is null`;
  }

  async saveSource(id: string, source: SourceInfo): Promise<void> {
    await this.#sql`update broadcasts set source = ${this.#sql.json(source)} where id = ${id}`;
  }

  /** @returns false when it was closed before (that end stands) or is unknown. */
  async close(id: string, endedAt: Date, reason: BroadcastEnd): Promise<boolean> {
    const result = await this.#sql`
      update broadcasts set ended_at = ${endedAt}, end_reason = ${reason} where id = ${id} and ended_at is null`;
    return result.count > 0;
  }

  /** Returns broadcasts that have not ended, oldest first: after a crash, those that were running. */
  async open(): Promise<OpenBroadcast[]> {
    return this.#sql<OpenBroadcast[]>`
      select id, stream_id as "streamId", started_at as "startedAt", last_seen_at as "lastSeenAt", runs, source, ladder
      from broadcasts where ended_at is null order by started_at, id`;
  }

  /** Returns broadcasts of a stream, newest first. @param before id of a broadcast; only those that started before it */
  async list(streamId: string, limit: number, before?: string): Promise<StoredBroadcast[]> {
    return await this.#sql<StoredBroadcast[]>`
      select ${this.#stored()} from broadcasts where stream_id = ${streamId}
        ${before === undefined ? this.#sql`` : this.#sql`and started_at < (select started_at from broadcasts where id = ${before})`}
      order by started_at desc limit ${limit}`;
  }

  /** @param id must have the form of a UUID. */
  async find(streamId: string, id: string): Promise<StoredBroadcast | undefined> {
    const [row] = await this.#sql<StoredBroadcast[]>`
      select ${this.#stored()} from broadcasts where stream_id = ${streamId} and id = ${id}`;
    return row;
  }

  #stored(): ReturnType<Sql> {
    return this.#sql`id, started_at as "startedAt", ended_at as "endedAt", end_reason as "endReason"`;
  }

  /** Returns those of the given broadcasts that have not ended. */
  async openAmong(ids: string[]): Promise<string[]> {
    if (ids.length === 0) return [];
    const rows = await this.#sql<{ id: string }[]>`
      select id from broadcasts where id = any(${ids}::uuid[]) and ended_at is null`;
    return rows.map(({ id }) => id);
  }
}
