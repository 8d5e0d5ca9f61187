import type { BoundedCalls } from './bounded-calls.js';
import type { Clock } from './clock.js';

export type RevalidatingCacheOptions<T> = {
  /** @throws whatever the source of the values throws */
  load(key: string): Promise<T>;
  calls: BoundedCalls;
  clock: Clock;
  /** A value is served without being loaded again for so long, in ms. */
  freshMs: number;
  /** Whether an older value may be served when it cannot be loaded in time (RFC 5861, stale-if-error). */
  mayServeStale(key: string, value: T): boolean;
  /** Oldest value that is served at all, in ms. */
  maxStaleMs: number;
  /** Entries kept; the one loaded the longest ago is evicted first. */
  maxEntries: number;
};

type Entry<T> = {
  known: { value: T; loadedAt: number } | undefined;
  /** The load under way: settles in bounded time, while the entry keeps it until the call itself has settled. */
  loading: Promise<T> | undefined;
};

/**
 * Caches what a database says, one load per key at a time. While the database hangs or is away, the last value of the
 * keys that allow it serves; for all others `get` fails.
 */
export class RevalidatingCache<T> {
  readonly #options: RevalidatingCacheOptions<T>;
  /** The one loaded the longest ago is the first. */
  readonly #entries = new Map<string, Entry<T>>();

  constructor(options: RevalidatingCacheOptions<T>) {
    this.#options = options;
  }

  /** @throws what `load` throws, PublicError 503 `temporarily_unavailable` when it takes too long */
  async get(key: string): Promise<T> {
    const entry = this.#entries.get(key);
    const { known } = entry ?? {};
    if (known && this.#ageOf(known) < this.#options.freshMs) return known.value;
    try {
      return await (entry?.loading ?? this.#load(key, entry));
    } catch (error) {
      const { mayServeStale, maxStaleMs } = this.#options;
      // Not the entry's present value: it may have been forgotten meanwhile, because it was changed.
      const last = this.#entries.get(key)?.known;
      if (last && this.#ageOf(last) < maxStaleMs && mayServeStale(key, last.value)) return last.value;
      throw error;
    }
  }

  /** The last known value, from memory, for hot paths; one that is not fresh is loaded again in the background. */
  peek(key: string): T | undefined {
    const entry = this.#entries.get(key);
    if (!entry?.known) return undefined;
    const ageMs = this.#ageOf(entry.known);
    if (ageMs >= this.#options.freshMs && !entry.loading) this.#load(key, entry).catch(() => {});
    return ageMs < this.#options.maxStaleMs ? entry.known.value : undefined;
  }

  /** The value was changed: a load under way may be of before the change, and is dropped too. */
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
    // A refused call must evict nothing that is known.
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
