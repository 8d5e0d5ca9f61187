import { type Clock, sleep } from './clock.js';
import { messageOf } from './error.js';
import type { Logger } from './log.js';

/** Delay before a failed write to the database is tried again, in ms; it doubles up to the second figure. */
const RETRY_MS = 500;
const RETRY_MAXIMUM_MS = 15_000;

/** Writes until it succeeds, in the order of the calls: a badge must not stay "live" because the database was away. */
export class RetryingWriter {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #life = new AbortController();
  #last: Promise<void> = Promise.resolve();

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
  }

  /** Resolves when it is written, or given up because the store closes. Never rejects. */
  write(task: () => Promise<unknown>): Promise<void> {
    this.#last = this.#last.then(() => this.#insist(task));
    return this.#last;
  }

  /** What waits is tried at once; from now on everything is tried once. */
  close(): void {
    this.#life.abort();
  }

  async #insist(task: () => Promise<unknown>): Promise<void> {
    for (let delay = RETRY_MS; ; delay = Math.min(delay * 2, RETRY_MAXIMUM_MS)) {
      try {
        await task();
        return;
      } catch (error) {
        this.#log.error({ err: error }, `a change of state could not be stored: ${messageOf(error)}`);
        if (this.#life.signal.aborted) return;
        await sleep(this.#clock, delay, this.#life.signal);
      }
    }
  }
}
