import type { Clock, Logger } from '../platform/index.js';
import type { ViewerMinute } from './stream-audience.js';
import type { ViewHistoryTable } from './view-history-table.js';
import type { Visit } from './viewer.js';

export type ViewHistoryWriterOptions = {
  table: Pick<ViewHistoryTable, 'saveVisits' | 'saveMinutes' | 'beat'>;
  raisePeak(streamId: string, viewers: number): Promise<void>;
  clock: Clock;
  log: Logger;
};

type Minute = ViewerMinute & { streamId: string };

/** Rows in one statement. */
const BATCH = 500;
/** Waiting visits: more are given up, the oldest first. Some minutes of a crowd that comes and goes. */
const MAXIMUM_WAITING = 100_000;
const BEAT_EVERY_MS = 5_000;
/** After a failure; it doubles up to the second figure. */
const REST_MS = 1_000;
const REST_MAXIMUM_MS = 15_000;
/** PostgreSQL appendix A: foreign_key_violation. */
const DELETED = '23503';

/** Brings to the database what changed in memory: in batches, in order, again and again until it is there. */
export class ViewHistoryWriter {
  readonly #options: ViewHistoryWriterOptions;
  readonly #visits = new Map<string, Visit>();
  readonly #minutes = new Map<string, Minute>();
  readonly #peaks = new Map<string, number>();
  #writing: Promise<void> | undefined;
  #beatAt = Number.NEGATIVE_INFINITY;
  #restUntil = Number.NEGATIVE_INFINITY;
  #restMs = REST_MS;
  #givenUp = 0;

  constructor(options: ViewHistoryWriterOptions) {
    this.#options = options;
  }

  /** Visits that wait. */
  get waiting(): number {
    return this.#visits.size;
  }

  /** The visit as it will be when its turn comes. */
  visit(visit: Visit): void {
    this.#visits.set(visit.id, visit);
    if (this.#visits.size <= MAXIMUM_WAITING) return;
    for (const oldest of this.#visits.keys()) {
      this.#visits.delete(oldest);
      this.#givenUp++;
      break;
    }
  }

  minute(minute: Minute): void {
    this.#minutes.set(`${minute.streamId} ${minute.startedAt}`, minute);
    if (this.#minutes.size <= MAXIMUM_WAITING) return;
    for (const oldest of this.#minutes.keys()) {
      this.#minutes.delete(oldest);
      break;
    }
  }

  peak(streamId: string, viewers: number): void {
    this.#peaks.set(streamId, viewers);
  }

  /** Writes what waits, unless that goes on already or failed just now. Never rejects. */
  flush(): Promise<void> {
    if (this.#options.clock.monotonic() < this.#restUntil) return Promise.resolve();
    this.#writing ??= this.#flush().finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  /** A last time, whatever failed before. */
  async finish(): Promise<void> {
    await this.#writing;
    this.#restUntil = Number.NEGATIVE_INFINITY;
    await this.flush();
    if (this.#visits.size > 0)
      this.#options.log.error({ visits: this.#visits.size }, 'viewers could not be stored');
  }

  async #flush(): Promise<void> {
    const { table, raisePeak, clock, log } = this.#options;
    try {
      await this.#drain(this.#visits, (visits) => table.saveVisits(visits));
      await this.#drain(this.#minutes, (minutes) => table.saveMinutes(minutes));
      for (const [streamId, viewers] of this.#peaks) {
        await raisePeak(streamId, viewers);
        if (this.#peaks.get(streamId) === viewers) this.#peaks.delete(streamId);
      }
      if (clock.monotonic() - this.#beatAt >= BEAT_EVERY_MS) {
        await table.beat(new Date(clock.now()));
        this.#beatAt = clock.monotonic();
      }
      this.#restMs = REST_MS;
    } catch (error) {
      this.#restUntil = clock.monotonic() + this.#restMs;
      this.#restMs = Math.min(this.#restMs * 2, REST_MAXIMUM_MS);
      log.error({ err: error, waiting: this.#visits.size }, 'viewers could not be stored: trying again');
    }
    if (this.#givenUp > 0) log.error({ visits: this.#givenUp }, 'viewers were given up: too many wait');
    this.#givenUp = 0;
  }

  async #drain<T extends { streamId: string }>(
    waiting: Map<string, T>,
    save: (rows: T[]) => Promise<void>,
  ): Promise<void> {
    while (waiting.size > 0) {
      const batch: [string, T][] = [];
      for (const entry of waiting) if (batch.push(entry) >= BATCH) break;
      // Taken out before they are written: what changes meanwhile is written again.
      for (const [key] of batch) waiting.delete(key);
      try {
        await this.#save(
          batch.map(([, row]) => row),
          save,
        );
      } catch (error) {
        for (const [key, row] of batch) if (!waiting.has(key)) waiting.set(key, row);
        throw error;
      }
    }
  }

  /** A livestream that was deleted takes its rows with it: those of others are stored all the same. */
  async #save<T extends { streamId: string }>(rows: T[], save: (rows: T[]) => Promise<void>): Promise<void> {
    try {
      await save(rows);
    } catch (error) {
      if ((error as { code?: string }).code !== DELETED) throw error;
      const streams = new Map<string, T[]>();
      for (const row of rows) streams.set(row.streamId, [...(streams.get(row.streamId) ?? []), row]);
      if (streams.size === 1) return;
      for (const ofStream of streams.values()) await this.#save(ofStream, save);
    }
  }
}
