import type { Clock } from '../platform/index.js';

type CacheEntry<V> = { value: Promise<V>; expiresAtMs: number };

/**
 * Cache of asynchronous lookups with a time to live and bounded size; concurrent requests of a key share one lookup.
 */
export class TtlCache<V> {
  readonly #clock: Clock;
  readonly #options: { ttlMs: number; maxEntries: number; shouldKeep: (value: V) => boolean };
  readonly #entries = new Map<string, CacheEntry<V>>();

  /** @param options `shouldKeep` decides which results are cached; the others are looked up again */
  constructor(
    clock: Clock,
    options: { ttlMs: number; maxEntries: number; shouldKeep: (value: V) => boolean },
  ) {
    this.#clock = clock;
    this.#options = options;
  }

  get(key: string, load: () => Promise<V>): Promise<V> {
    const now = this.#clock.monotonic();
    const cached = this.#entries.get(key);
    if (cached && cached.expiresAtMs > now) return cached.value;
    const value = load();
    const entry = { value, expiresAtMs: now + this.#options.ttlMs };
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    const forget = (): void => {
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
    };
    value.then((result) => {
      if (!this.#options.shouldKeep(result)) forget();
    }, forget);
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined && this.#entries.size > this.#options.maxEntries) this.#entries.delete(oldest);
    return value;
  }

  forget(key: string): void {
    this.#entries.delete(key);
  }
}
