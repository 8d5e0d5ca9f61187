import type { Clock } from './clock.js';

export type TtlCacheOptions<V> = {
  clock: Clock;
  /** Time from the start of a lookup during which its result is returned again, ms. */
  ttlMs: number;
  /** Maximum entries; the one looked up longest ago is evicted first. */
  maxEntries: number;
  /** Decides which results are cached; the others are looked up again. Default: all. */
  shouldKeep?: (value: V) => boolean;
};

type CacheEntry<V> = { value: Promise<V>; expiresAtMs: number };

/**
 * Cache of asynchronous lookups with a time to live and bounded size. Concurrent requests for a key share one lookup;
 * failures are not cached. For values that may be served stale there is `RevalidatingCache`.
 */
export class TtlCache<V> {
  readonly #options: TtlCacheOptions<V>;
  readonly #entries = new Map<string, CacheEntry<V>>();

  constructor(options: TtlCacheOptions<V>) {
    this.#options = options;
  }

  get(key: string, load: () => Promise<V>): Promise<V> {
    const { clock, ttlMs, maxEntries, shouldKeep = () => true } = this.#options;
    const now = clock.monotonic();
    const cached = this.#entries.get(key);
    if (cached && cached.expiresAtMs > now) return cached.value;
    const value = load();
    const entry = { value, expiresAtMs: now + ttlMs };
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    const evict = (): void => {
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
    };
    value.then((result) => {
      if (!shouldKeep(result)) evict();
    }, evict);
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined && this.#entries.size > maxEntries) this.#entries.delete(oldest);
    return value;
  }

  /** Drops a key. The result of a lookup in progress is not cached: it may precede the change. */
  forget(key: string): void {
    this.#entries.delete(key);
  }

  /** Drops every key, and the results of lookups in progress. */
  clear(): void {
    this.#entries.clear();
  }
}
