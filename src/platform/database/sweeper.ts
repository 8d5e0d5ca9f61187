import { type Clock, sleep } from '../clock.js';
import type { Logger } from '../log.js';
import { isDatabaseAway } from './database-away.js';

const SWEEP_INTERVAL_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** Rows deleted by one statement, which holds its locks for some milliseconds. */
const BATCH_ROWS = 1_000;
/** Pause between batches, which lets other statements run. */
const BATCH_PAUSE_MS = 100;

export type SweeperOptions = {
  /** Name of the rows in log lines, such as `chat messages`. */
  rowsName: string;
  /** Retention; 0: unlimited. */
  days: number;
  /** Deletes up to `atMost` of the oldest rows before a moment. @returns the number deleted */
  sweep: (before: Date, atMost: number) => Promise<number>;
  clock: Clock;
  log: Logger;
};

/** Deletes rows older than the retention, every hour, in small batches. */
export class Sweeper {
  readonly #options: SweeperOptions;
  readonly #lifetime = new AbortController();
  #running = false;

  constructor(options: SweeperOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#options.days === 0) return;
    this.#options.clock.every(SWEEP_INTERVAL_MS, () => void this.#run(), this.#lifetime.signal);
    void this.#run();
  }

  /** Stops before the next batch. Idempotent. */
  close(): void {
    this.#lifetime.abort();
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    await this.#sweep();
    this.#running = false;
  }

  async #sweep(): Promise<void> {
    const { rowsName, days, sweep, clock, log } = this.#options;
    const { signal } = this.#lifetime;
    const before = new Date(clock.now() - days * DAY_MS);
    let total = 0;
    try {
      for (let swept = BATCH_ROWS; swept === BATCH_ROWS && !signal.aborted; total += swept) {
        if (total > 0) await sleep(clock, BATCH_PAUSE_MS, signal);
        swept = signal.aborted ? 0 : await sweep(before, BATCH_ROWS);
      }
      if (total > 0)
        log.info({ what: rowsName, days, deleted: total }, 'rows older than the retention deleted');
    } catch (error) {
      if (signal.aborted) return;
      const level = isDatabaseAway(error) ? 'debug' : 'warn';
      log[level](
        { err: error, what: rowsName },
        'rows older than the retention could not be deleted: next attempt in an hour',
      );
    }
  }
}
