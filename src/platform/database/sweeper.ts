import { type Clock, sleep } from '../clock.js';
import type { Logger } from '../log.js';
import { isDatabaseAway } from './database-away.js';

const EVERY_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** Rows deleted by one statement: it holds its locks for some milliseconds. */
const BATCH = 1_000;
/** From one batch to the next, so that what others ask of the database comes between. */
const PAUSE_MS = 100;

export type SweeperOptions = {
  /** What is kept, for the log: `chat messages`. */
  what: string;
  /** How long, in days; 0: for ever. */
  days: number;
  /** Deletes the oldest of what lies before a moment, at most so many. @returns how many there were */
  sweep: (before: Date, atMost: number) => Promise<number>;
  clock: Clock;
  log: Logger;
};

/** Deletes what is older than so many days: every hour, in small batches, whatever has piled up. */
export class Sweeper {
  readonly #options: SweeperOptions;
  readonly #life = new AbortController();
  #running = false;

  constructor(options: SweeperOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#options.days === 0) return;
    this.#options.clock.every(EVERY_MS, () => void this.#run(), this.#life.signal);
    void this.#run();
  }

  /** No further batch is begun. Idempotent. */
  close(): void {
    this.#life.abort();
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    await this.#sweep();
    this.#running = false;
  }

  async #sweep(): Promise<void> {
    const { what, days, sweep, clock, log } = this.#options;
    const { signal } = this.#life;
    const before = new Date(clock.now() - days * DAY_MS);
    let total = 0;
    try {
      for (let swept = BATCH; swept === BATCH && !signal.aborted; total += swept) {
        if (total > 0) await sleep(clock, PAUSE_MS, signal);
        swept = signal.aborted ? 0 : await sweep(before, BATCH);
      }
      if (total > 0) log.info({ what, days, deleted: total }, 'what was kept long enough was deleted');
    } catch (error) {
      if (signal.aborted) return;
      // The next hour will do as well.
      const level = isDatabaseAway(error) ? 'debug' : 'warn';
      log[level]({ err: error, what }, 'what was kept long enough could not be deleted');
    }
  }
}
