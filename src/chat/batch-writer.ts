import { type Clock, isDatabaseAway, type Logger, PublicError, sleep } from '../platform/index.js';

const RETRY_MS = 50;
const RETRY_MAXIMUM_MS = 1_000;

export type BatchWriterLimits = {
  /** Items that wait or are being written, at most. */
  items: number;
  /** Items written at once, at most. */
  batch: number;
  /** From the beginning of a batch to that of the next, at least, in ms; a full one does not wait. */
  gatherMs: number;
  /** For one try; a database that says nothing is taken for away. */
  tryMs: number;
  /** How long an item is tried while the database is away, in ms; when the writer closes, all of them. */
  withinMs: number;
  closeWithinMs: number;
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
  readonly #waiting: Entry<T, R>[] = [];
  readonly #held = new Set<Entry<T, R>>();
  readonly #closing = new AbortController();
  #closeBy = Number.POSITIVE_INFINITY;
  /** When the last batch began. */
  #begunAt = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | undefined;

  constructor(options: BatchWriterOptions<T, R>) {
    this.#options = options;
  }

  /** @throws PublicError 503 `chat_overloaded`, `shutting_down`: when nothing more is taken */
  mustTake(): void {
    if (this.#closing.signal.aborted) throw shuttingDown();
    if (this.#held.size >= this.#options.limits.items) throw overloaded();
  }

  /**
   * Resolves when the item is written for good.
   *
   * @throws PublicError those of `mustTake`, 503 `temporarily_unavailable`; what `write` threw
   */
  add(item: T): Promise<R> {
    const { clock, limits } = this.#options;
    return new Promise<R>((resolve, reject) => {
      this.mustTake();
      const { promise: settled, resolve: settle } = withResolvers();
      const entry: Entry<T, R> = {
        item,
        deadline: clock.monotonic() + limits.withinMs,
        resolve: (result) => {
          this.#held.delete(entry);
          resolve(result);
          settle();
        },
        reject: (error) => {
          this.#held.delete(entry);
          reject(error);
          settle();
        },
        settled,
      };
      this.#held.add(entry);
      this.#waiting.push(entry);
      this.#running ??= this.#run();
    });
  }

  /** Resolves when everything added so far is written or refused. */
  async settled(): Promise<void> {
    await Promise.all([...this.#held].map((entry) => entry.settled));
  }

  /** Writes what is left, within a bounded time. Idempotent. */
  async close(): Promise<void> {
    const { clock, limits } = this.#options;
    if (!this.#closing.signal.aborted) {
      this.#closeBy = clock.monotonic() + limits.closeWithinMs;
      this.#closing.abort();
    }
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, limits } = this.#options;
    await Promise.resolve(); // What is added in one breath goes together.
    while (this.#waiting.length > 0) {
      const early = this.#begunAt + limits.gatherMs - clock.monotonic();
      if (early > 0 && this.#waiting.length < limits.batch) await sleep(clock, early, this.#closing.signal);
      this.#begunAt = clock.monotonic();
      await this.#store(this.#waiting.splice(0, limits.batch));
    }
    this.#running = undefined;
  }

  async #store(batch: Entry<T, R>[]): Promise<void> {
    const { clock, log } = this.#options;
    let left = batch;
    for (let delay = RETRY_MS; left.length > 0; delay = Math.min(2 * delay, RETRY_MAXIMUM_MS)) {
      try {
        const results = await this.#try(left.map((entry) => entry.item));
        left.forEach((entry, index) => {
          entry.resolve(results[index] as R);
        });
        return;
      } catch (error) {
        if (!isDatabaseAway(error)) return await this.#single(left, error);
        log.warn({ err: error, items: left.length }, 'chat could not be written: trying again');
      }
      const now = clock.monotonic();
      for (const entry of left) if (Math.min(entry.deadline, this.#closeBy) <= now) entry.reject(away());
      left = left.filter((entry) => this.#held.has(entry));
      if (left.length > 0) await sleep(clock, delay);
    }
  }

  async #single(batch: Entry<T, R>[], error: unknown): Promise<void> {
    const [first] = batch;
    if (batch.length > 1) for (const entry of batch) await this.#store([entry]);
    else first?.reject(error);
  }

  async #try(items: T[]): Promise<R[]> {
    const { clock, limits, write } = this.#options;
    const { promise, resolve: late } = withResolvers();
    const cancel = clock.after(limits.tryMs, late);
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

function away(): PublicError {
  return new PublicError(503, 'temporarily_unavailable', 'It could not be stored: try again in a moment.');
}
