import type { Clock } from '../../platform/index.js';

export type ResponseCacheOptions = {
  clock: Clock;
  /** Lifetime of an entry in ms, unless a change is reported earlier. */
  ttlMs: number;
  /** Maximum number of entries; the oldest is evicted first. */
  maximum: number;
};

type Entry<T> = { answer: Promise<T>; askedAt: number };

/**
 * Caches responses for a short time, so that many equal requests cost one query. Concurrent requests share a pending
 * response; failures are not cached.
 */
export class ResponseCache<T> {
  readonly #options: ResponseCacheOptions;
  readonly #entries = new Map<string, Entry<T>>();

  constructor(options: ResponseCacheOptions) {
    this.#options = options;
  }

  get(question: string, find: () => Promise<T>): Promise<T> {
    const { clock, ttlMs, maximum } = this.#options;
    const now = clock.monotonic();
    const known = this.#entries.get(question);
    if (known && now - known.askedAt < ttlMs) return known.answer;
    const entry = { answer: find(), askedAt: now };
    this.#entries.delete(question);
    this.#entries.set(question, entry);
    entry.answer.catch(() => {
      if (this.#entries.get(question) === entry) this.#entries.delete(question);
    });
    if (this.#entries.size > maximum) {
      const [oldest] = this.#entries.keys();
      if (oldest !== undefined) this.#entries.delete(oldest);
    }
    return entry.answer;
  }

  /** Drops an entry, also a pending one, which may predate the change. */
  forget(question: string): void {
    this.#entries.delete(question);
  }

  clear(): void {
    this.#entries.clear();
  }
}
