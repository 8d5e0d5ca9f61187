import { type Clock, sleep } from './clock.js';
import { messageOf } from './error.js';
import type { Logger } from './log.js';

/** Delay before a failed write is retried; doubles up to the maximum. */
const RETRY_MS = 500;
const RETRY_MAXIMUM_MS = 15_000;

/** Repeats writes until they succeed, in the order of the calls, so that stored states survive a database outage. */
export class RetryingWriter {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #lifetime = new AbortController();
  #last: Promise<void> = Promise.resolve();

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
  }

  /** Resolves when the write succeeded, or was given up after `close`. Never rejects. */
  write(task: () => Promise<unknown>): Promise<void> {
    this.#last = this.#last.then(() => this.#writeWithRetry(task));
    return this.#last;
  }

  /** Retries pending writes immediately; from now on each write is attempted once. */
  close(): void {
    this.#lifetime.abort();
  }

  async #writeWithRetry(task: () => Promise<unknown>): Promise<void> {
    for (let delayMs = RETRY_MS; ; delayMs = Math.min(delayMs * 2, RETRY_MAXIMUM_MS)) {
      try {
        await task();
        return;
      } catch (error) {
        this.#log.error({ err: error }, `database write failed: retrying: ${messageOf(error)}`);
        if (this.#lifetime.signal.aborted) return;
        await sleep(this.#clock, delayMs, this.#lifetime.signal);
      }
    }
  }
}
