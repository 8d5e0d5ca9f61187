import { type Clock, isDatabaseAway, type Logger, PublicError, sleep } from '../platform/index.js';

const RETRY_MS = 50;
const RETRY_MAXIMUM_MS = 1_000;

export type BatchWriterLimits = {
  /** Limit on items queued or being written. */
  maxItems: number;
  /** Limit on items of one batch. */
  maxBatch: number;
  /** Least time from the start of a batch to the start of the next, ms. A full batch does not wait. */
  batchIntervalMs: number;
  /** Timeout of one attempt, ms. Without an answer by then the database counts as unavailable. */
  attemptTimeoutMs: number;
  /** Longest time that an item is retried while the database is unavailable, ms. */
  itemTimeoutMs: number;
  closeTimeoutMs: number;
};

export type BatchWriterOptions<T, R> = {
  /**
   * Writes all items or none and returns one result for each. Must be idempotent: an attempt that timed out may have
   * been committed.
   */
  write: (items: T[]) => Promise<R[]>;
  clock: Clock;
  log: Logger;
  limits: BatchWriterLimits;
};

type Entry<T, R> = {
  item: T;
  deadlineMs: number;
  resolve: (result: R) => void;
  reject: (error: unknown) => void;
  settled: Promise<unknown>;
};

/**
 * Writes items of many callers in order of arrival, in batches. One batch is in flight at a time: when an item is
 * written, every item before it was written or rejected. The first item after an idle period is written at once;
 * later ones are collected for the next batch.
 *
 * A batch is retried while the database is unavailable, until its items are too old. After any other database error
 * the items are written one by one, so that only the offending one is rejected.
 */
export class BatchWriter<T, R> {
  readonly #options: BatchWriterOptions<T, R>;
  readonly #queue: Entry<T, R>[] = [];
  readonly #pending = new Set<Entry<T, R>>();
  readonly #closing = new AbortController();
  #closeDeadlineMs = Number.POSITIVE_INFINITY;
  /** Start of the last batch, monotonic ms. */
  #lastBatchAtMs = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | undefined;

  constructor(options: BatchWriterOptions<T, R>) {
    this.#options = options;
  }

  /** @throws PublicError 503 `chat_overloaded`, `shutting_down` when no further item is accepted */
  assertAccepting(): void {
    if (this.#closing.signal.aborted) throw shuttingDown();
    if (this.#pending.size >= this.#options.limits.maxItems) throw overloaded();
  }

  /**
   * Resolves when the item is committed.
   *
   * @throws PublicError those of `assertAccepting`, 503 `temporarily_unavailable`; what `write` threw
   */
  add(item: T): Promise<R> {
    const { clock, limits } = this.#options;
    return new Promise<R>((resolve, reject) => {
      this.assertAccepting();
      const { promise: settled, resolve: settle } = withResolvers();
      const entry: Entry<T, R> = {
        item,
        deadlineMs: clock.monotonic() + limits.itemTimeoutMs,
        resolve: (result) => {
          this.#pending.delete(entry);
          resolve(result);
          settle();
        },
        reject: (error) => {
          this.#pending.delete(entry);
          reject(error);
          settle();
        },
        settled,
      };
      this.#pending.add(entry);
      this.#queue.push(entry);
      this.#running ??= this.#run();
    });
  }

  /** Resolves when every item added so far was written or rejected. */
  async settled(): Promise<void> {
    await Promise.all([...this.#pending].map((entry) => entry.settled));
  }

  /** Writes the remaining items within `closeTimeoutMs`. Idempotent. */
  async close(): Promise<void> {
    const { clock, limits } = this.#options;
    if (!this.#closing.signal.aborted) {
      this.#closeDeadlineMs = clock.monotonic() + limits.closeTimeoutMs;
      this.#closing.abort();
    }
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, limits } = this.#options;
    await Promise.resolve(); // Collects everything added in the same tick into one batch.
    while (this.#queue.length > 0) {
      const waitMs = this.#lastBatchAtMs + limits.batchIntervalMs - clock.monotonic();
      if (waitMs > 0 && this.#queue.length < limits.maxBatch)
        await sleep(clock, waitMs, this.#closing.signal);
      this.#lastBatchAtMs = clock.monotonic();
      await this.#store(this.#queue.splice(0, limits.maxBatch));
    }
    this.#running = undefined;
  }

  async #store(batch: Entry<T, R>[]): Promise<void> {
    const { clock, log } = this.#options;
    let left = batch;
    for (let delayMs = RETRY_MS; left.length > 0; delayMs = Math.min(2 * delayMs, RETRY_MAXIMUM_MS)) {
      try {
        const results = await this.#attempt(left.map((entry) => entry.item));
        left.forEach((entry, index) => {
          entry.resolve(results[index] as R);
        });
        return;
      } catch (error) {
        if (!isDatabaseAway(error)) return await this.#writeOneByOne(left, error);
        log.warn({ err: error, items: left.length }, 'chat batch write failed: retrying');
      }
      const now = clock.monotonic();
      for (const entry of left)
        if (Math.min(entry.deadlineMs, this.#closeDeadlineMs) <= now) entry.reject(timedOut());
      left = left.filter((entry) => this.#pending.has(entry));
      if (left.length > 0) await sleep(clock, delayMs);
    }
  }

  async #writeOneByOne(batch: Entry<T, R>[], error: unknown): Promise<void> {
    const [first] = batch;
    if (batch.length > 1) for (const entry of batch) await this.#store([entry]);
    else first?.reject(error);
  }

  async #attempt(items: T[]): Promise<R[]> {
    const { clock, limits, write } = this.#options;
    const { promise, resolve: expire } = withResolvers();
    const cancel = clock.after(limits.attemptTimeoutMs, expire);
    const timeout = promise.then(() => {
      throw Object.assign(new Error('the database did not answer in time'), { code: 'CONNECT_TIMEOUT' });
    });
    try {
      return await Promise.race([write(items), timeout]);
    } finally {
      cancel();
    }
  }
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

function overloaded(): PublicError {
  return new PublicError(
    503,
    'chat_overloaded',
    'Too many messages are waiting to be stored: try again in a moment.',
  );
}

function shuttingDown(): PublicError {
  return new PublicError(503, 'shutting_down', 'The server is shutting down: try again in a moment.');
}

function timedOut(): PublicError {
  return new PublicError(503, 'temporarily_unavailable', 'It could not be stored: try again in a moment.');
}
