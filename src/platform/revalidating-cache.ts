import type { BoundedCalls } from './bounded-calls.js';
import type { Clock } from './clock.js';

export type RevalidatingCacheOptions<T> = {
  /** Loads a value from its source. Its errors are passed on. */
  load(key: string): Promise<T>;
  calls: BoundedCalls;
  clock: Clock;
  /** Age up to which a value is served without being loaded again. */
  freshMs: number;
  /** Whether an older value may be served when it cannot be loaded in time (RFC 5861, stale-if-error). */
  mayServeStale(key: string, value: T): boolean;
  /** Maximum age of a value that is served. */
  maxStaleMs: number;
  /** Maximum entries; the one loaded longest ago is evicted first. */
  maxEntries: number;
};

type Entry<T> = {
  known: { value: T; loadedAt: number } | undefined;
  /** Load in progress. Settles within the time limit of the call, but stays set until the call itself has settled. */
  loading: Promise<T> | undefined;
};

/**
 * Cache of database lookups, with one load per key at a time. While the database hangs or is unreachable, serves the last
 * value of the keys that allow it; for all others `get` fails.
 */
export class RevalidatingCache<T> {
  readonly #options: RevalidatingCacheOptions<T>;
  /** Ordered by time of loading, oldest first. */
  readonly #entries = new Map<string, Entry<T>>();

  constructor(options: RevalidatingCacheOptions<T>) {
    this.#options = options;
  }

  /** @throws PublicError 503 `temporarily_unavailable` when the load takes too long, and errors of `load` */
  async get(key: string): Promise<T> {
    const entry = this.#entries.get(key);
    const { known } = entry ?? {};
    if (known && this.#ageOf(known) < this.#options.freshMs) return known.value;
    try {
      return await (entry?.loading ?? this.#load(key, entry));
    } catch (error) {
      const { mayServeStale, maxStaleMs } = this.#options;
      // Read again: the entry may have been dropped meanwhile because the value changed.
      const last = this.#entries.get(key)?.known;
      if (last && this.#ageOf(last) < maxStaleMs && mayServeStale(key, last.value)) return last.value;
      throw error;
    }
  }

  /** Returns the last known value from memory, for hot paths. Reloads a value that is not fresh in the background. */
  peek(key: string): T | undefined {
    const entry = this.#entries.get(key);
    if (!entry?.known) return undefined;
    const ageMs = this.#ageOf(entry.known);
    if (ageMs >= this.#options.freshMs && !entry.loading) this.#load(key, entry).catch(() => {});
    return ageMs < this.#options.maxStaleMs ? entry.known.value : undefined;
  }

  /** Drops a changed value, and the result of a load in progress, which may precede the change. */
  forget(key: string): void {
    this.#entries.delete(key);
  }

  #load(key: string, stale: Entry<T> | undefined): Promise<T> {
    const { load, calls, clock } = this.#options;
    const entry: Entry<T> = stale ?? { known: undefined, loading: undefined };
    const loadedAt = clock.monotonic();
    let isCalled = false;
    const loading = calls.run(async () => {
      isCalled = true;
      try {
        const value = await load(key);
        entry.known = { value, loadedAt };
        return value;
      } finally {
        entry.loading = undefined;
        if (!entry.known && this.#entries.get(key) === entry) this.#entries.delete(key);
      }
    });
    // A refused call must not evict a known value.
    if (isCalled) this.#keep(key, entry, loading);
    return loading;
  }

  #keep(key: string, entry: Entry<T>, loading: Promise<T>): void {
    entry.loading = loading;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    if (this.#entries.size <= this.#options.maxEntries) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }

  #ageOf({ loadedAt }: { loadedAt: number }): number {
    return this.#options.clock.monotonic() - loadedAt;
  }
}
