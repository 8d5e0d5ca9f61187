import { type Clock, isDatabaseAway, type Logger, PublicError, sleep } from '../platform/index.js';

const RETRY_MS = 50;
const RETRY_MAXIMUM_MS = 1_000;

export type BatchWriterLimits = {
  /** Items that wait or are being written, at most. */
  maxItems: number;
  /** Items written at once, at most. */
  maxBatch: number;
  /** From the beginning of a batch to that of the next, at least, in ms; a full one does not wait. */
  batchIntervalMs: number;
  /** For one try; a database that says nothing is taken for away. */
  attemptTimeoutMs: number;
  /** How long an item is tried while the database is away, in ms; when the writer closes, all of them. */
  itemTimeoutMs: number;
  closeTimeoutMs: number;
};

export type BatchWriterOptions<T, R> = {
  /** Writes all items or none, and gives one result for each. May be asked again for items that it wrote before. */
  write: (items: T[]) => Promise<R[]>;
  clock: Clock;
  log: Logger;
  limits: BatchWriterLimits;
};

type Entry<T, R> = {
  item: T;
  deadline: number;
  resolve: (result: R) => void;
  reject: (error: unknown) => void;
  settled: Promise<unknown>;
};

/**
 * Writes what many want written, in the order of its coming and many items at once. One batch is under way at a time:
 * when an item is written, everything that came before it is written too, or was refused. What comes when nothing has been
 * written for a moment is written at once; what comes meanwhile goes together into the next batch.
 *
 * Where the database is away a batch is tried again until its items are too old; what the database refuses for another
 * reason is found by writing the items of the batch one by one.
 */
export class BatchWriter<T, R> {
  readonly #options: BatchWriterOptions<T, R>;
  readonly #queue: Entry<T, R>[] = [];
  readonly #pending = new Set<Entry<T, R>>();
  readonly #closing = new AbortController();
  #closeDeadlineMs = Number.POSITIVE_INFINITY;
  /** When the last batch began. */
  #lastBatchAtMs = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | undefined;

  constructor(options: BatchWriterOptions<T, R>) {
    this.#options = options;
  }

  /** @throws PublicError 503 `chat_overloaded`, `shutting_down`: when nothing more is taken */
  assertAccepting(): void {
    if (this.#closing.signal.aborted) throw shuttingDown();
    if (this.#pending.size >= this.#options.limits.maxItems) throw overloaded();
  }

  /**
   * Resolves when the item is written for good.
   *
   * @throws PublicError those of `mustTake`, 503 `temporarily_unavailable`; what `write` threw
   */
  add(item: T): Promise<R> {
    const { clock, limits } = this.#options;
    return new Promise<R>((resolve, reject) => {
      this.assertAccepting();
      const { promise: settled, resolve: settle } = withResolvers();
      const entry: Entry<T, R> = {
        item,
        deadline: clock.monotonic() + limits.itemTimeoutMs,
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

  /** Resolves when everything added so far is written or refused. */
  async settled(): Promise<void> {
    await Promise.all([...this.#pending].map((entry) => entry.settled));
  }

  /** Writes what is left, within a bounded time. Idempotent. */
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
    await Promise.resolve(); // What is added in one breath goes together.
    while (this.#queue.length > 0) {
      const early = this.#lastBatchAtMs + limits.batchIntervalMs - clock.monotonic();
      if (early > 0 && this.#queue.length < limits.maxBatch) await sleep(clock, early, this.#closing.signal);
      this.#lastBatchAtMs = clock.monotonic();
      await this.#store(this.#queue.splice(0, limits.maxBatch));
    }
    this.#running = undefined;
  }

  async #store(batch: Entry<T, R>[]): Promise<void> {
    const { clock, log } = this.#options;
    let left = batch;
    for (let delay = RETRY_MS; left.length > 0; delay = Math.min(2 * delay, RETRY_MAXIMUM_MS)) {
      try {
        const results = await this.#attempt(left.map((entry) => entry.item));
        left.forEach((entry, index) => {
          entry.resolve(results[index] as R);
        });
        return;
      } catch (error) {
        if (!isDatabaseAway(error)) return await this.#writeOneByOne(left, error);
        log.warn({ err: error, items: left.length }, 'chat could not be written: trying again');
      }
      const now = clock.monotonic();
      for (const entry of left)
        if (Math.min(entry.deadline, this.#closeDeadlineMs) <= now) entry.reject(timedOut());
      left = left.filter((entry) => this.#pending.has(entry));
      if (left.length > 0) await sleep(clock, delay);
    }
  }

  async #writeOneByOne(batch: Entry<T, R>[], error: unknown): Promise<void> {
    const [first] = batch;
    if (batch.length > 1) for (const entry of batch) await this.#store([entry]);
    else first?.reject(error);
  }

  async #attempt(items: T[]): Promise<R[]> {
    const { clock, limits, write } = this.#options;
    const { promise, resolve: late } = withResolvers();
    const cancel = clock.after(limits.attemptTimeoutMs, late);
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
    'Too many messages wait to be stored: try again in a moment.',
  );
}

function shuttingDown(): PublicError {
  return new PublicError(503, 'shutting_down', 'The server is shutting down: try again in a moment.');
}

function timedOut(): PublicError {
  return new PublicError(503, 'temporarily_unavailable', 'It could not be stored: try again in a moment.');
}
