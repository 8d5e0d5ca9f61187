import type { Clock, Logger } from '../platform/index.js';
import type { ViewerMinute } from './stream-audience.js';
import type { ViewHistoryTable } from './view-history-table.js';
import type { View } from './viewer.js';

export type ViewHistoryWriterOptions = {
  table: Pick<ViewHistoryTable, 'saveViews' | 'saveMinutes' | 'saveHeartbeat'>;
  raisePeak(streamId: string, viewers: number): Promise<void>;
  clock: Clock;
  log: Logger;
};

type Minute = ViewerMinute & { streamId: string };

/** Rows in one statement. */
const BATCH = 500;
/** Waiting views: more are given up, the oldest first. Some minutes of a crowd that comes and goes. */
const MAXIMUM_QUEUED = 100_000;
const HEARTBEAT_INTERVAL_MS = 5_000;
/** After a failure; it doubles up to the second figure. */
const RETRY_MS = 1_000;
const MAXIMUM_RETRY_MS = 15_000;
/** PostgreSQL appendix A: foreign_key_violation. */
const FOREIGN_KEY_VIOLATION = '23503';

/** Brings to the database what changed in memory: in batches, in order, again and again until it is there. */
export class ViewHistoryWriter {
  readonly #options: ViewHistoryWriterOptions;
  readonly #views = new Map<string, View>();
  readonly #minutes = new Map<string, Minute>();
  readonly #peaks = new Map<string, number>();
  #writing: Promise<void> | undefined;
  #heartbeatAt = Number.NEGATIVE_INFINITY;
  #retryAt = Number.NEGATIVE_INFINITY;
  #retryMs = RETRY_MS;
  #discardedViews = 0;

  constructor(options: ViewHistoryWriterOptions) {
    this.#options = options;
  }

  /** Visits that wait. */
  get waiting(): number {
    return this.#views.size;
  }

  /** The view as it will be when its turn comes. */
  addView(view: View): void {
    this.#views.set(view.id, view);
    if (this.#views.size <= MAXIMUM_QUEUED) return;
    for (const oldest of this.#views.keys()) {
      this.#views.delete(oldest);
      this.#discardedViews++;
      break;
    }
  }

  addMinute(minute: Minute): void {
    this.#minutes.set(`${minute.streamId} ${minute.startedAt}`, minute);
    if (this.#minutes.size <= MAXIMUM_QUEUED) return;
    for (const oldest of this.#minutes.keys()) {
      this.#minutes.delete(oldest);
      break;
    }
  }

  addPeak(streamId: string, viewers: number): void {
    this.#peaks.set(streamId, viewers);
  }

  /** Writes what waits, unless that goes on already or failed just now. Never rejects. */
  flush(): Promise<void> {
    if (this.#options.clock.monotonic() < this.#retryAt) return Promise.resolve();
    this.#writing ??= this.#flush().finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  /** A last time, whatever failed before. */
  async finish(): Promise<void> {
    await this.#writing;
    this.#retryAt = Number.NEGATIVE_INFINITY;
    await this.flush();
    if (this.#views.size > 0)
      this.#options.log.error({ views: this.#views.size }, 'viewers could not be stored');
  }

  async #flush(): Promise<void> {
    const { table, raisePeak, clock, log } = this.#options;
    try {
      await this.#drain(this.#views, (views) => table.saveViews(views));
      await this.#drain(this.#minutes, (minutes) => table.saveMinutes(minutes));
      for (const [streamId, viewers] of this.#peaks) {
        await raisePeak(streamId, viewers);
        if (this.#peaks.get(streamId) === viewers) this.#peaks.delete(streamId);
      }
      if (clock.monotonic() - this.#heartbeatAt >= HEARTBEAT_INTERVAL_MS) {
        await table.saveHeartbeat(new Date(clock.now()));
        this.#heartbeatAt = clock.monotonic();
      }
      this.#retryMs = RETRY_MS;
    } catch (error) {
      this.#retryAt = clock.monotonic() + this.#retryMs;
      this.#retryMs = Math.min(this.#retryMs * 2, MAXIMUM_RETRY_MS);
      log.error({ err: error, waiting: this.#views.size }, 'viewers could not be stored: trying again');
    }
    if (this.#discardedViews > 0)
      log.error({ views: this.#discardedViews }, 'viewers were given up: too many wait');
    this.#discardedViews = 0;
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
      if ((error as { code?: string }).code !== FOREIGN_KEY_VIOLATION) throw error;
      const streams = new Map<string, T[]>();
      for (const row of rows) streams.set(row.streamId, [...(streams.get(row.streamId) ?? []), row]);
      if (streams.size === 1) return;
      for (const ofStream of streams.values()) await this.#save(ofStream, save);
    }
  }
}
