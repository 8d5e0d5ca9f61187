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

/** Rows of one statement. */
const BATCH = 500;
/** Limit of queued views, enough for some minutes of a large audience; discards the oldest. */
const MAXIMUM_QUEUED = 100_000;
const HEARTBEAT_INTERVAL_MS = 5_000;
/** Delay after a failure; doubles up to the maximum. */
const RETRY_MS = 1_000;
const MAXIMUM_RETRY_MS = 15_000;
/** PostgreSQL appendix A: foreign_key_violation. */
const FOREIGN_KEY_VIOLATION = '23503';

/** Writes changed views, minutes and peaks in batches, and retries until they are stored. */
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

  /** Number of queued views. */
  get waiting(): number {
    return this.#views.size;
  }

  /** Queues a view; it is stored as it is at the time of the write. */
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

  /** Writes pending rows, unless a write is in progress or a retry is scheduled. Never rejects. */
  flush(): Promise<void> {
    if (this.#options.clock.monotonic() < this.#retryAt) return Promise.resolve();
    this.#writing ??= this.#flush().finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  /** Writes pending rows a last time, ignoring the retry delay. */
  async finish(): Promise<void> {
    await this.#writing;
    this.#retryAt = Number.NEGATIVE_INFINITY;
    await this.flush();
    if (this.#views.size > 0)
      this.#options.log.error({ views: this.#views.size }, 'view history write failed on close: views lost');
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
      log.error({ err: error, waiting: this.#views.size }, 'view history write failed: retrying');
    }
    if (this.#discardedViews > 0)
      log.error({ views: this.#discardedViews }, 'view history queue full: oldest views discarded');
    this.#discardedViews = 0;
  }

  async #drain<T extends { streamId: string }>(
    waiting: Map<string, T>,
    save: (rows: T[]) => Promise<void>,
  ): Promise<void> {
    while (waiting.size > 0) {
      const batch: [string, T][] = [];
      for (const entry of waiting) if (batch.push(entry) >= BATCH) break;
      // Removed before the write, so that rows changed meanwhile are written again.
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

  /** Skips rows of deleted livestreams, and stores those of all others. */
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
