import type { Clock } from '../clock.js';

export type RateLimitOptions = {
  /** Tokens in a full bucket. */
  capacity: number;
  /** Time to refill one token. */
  refillMs: number;
  /** Maximum keys; the least recently used is evicted first. */
  maximumKeys?: number;
};

/** Token bucket per key (address, user), in bounded memory. */
export class RateLimit {
  readonly #clock: Clock;
  readonly #options: Required<RateLimitOptions>;
  /** Monotonic time at which a key's bucket is full again, least recently used first; a missing key has a full bucket. */
  readonly #owedUntilMs = new Map<string, number>();

  constructor(clock: Clock, options: RateLimitOptions) {
    this.#clock = clock;
    this.#options = { maximumKeys: 10_000, ...options };
  }

  /** Number of keys kept. */
  get size(): number {
    return this.#owedUntilMs.size;
  }

  /** Returns the time until `take` succeeds; 0: now. */
  waitMs(key: string): number {
    const { capacity, refillMs } = this.#options;
    return Math.ceil(Math.max(0, this.#owedMs(key) + refillMs - capacity * refillMs));
  }

  /** Takes a token if there is one. @returns 0, or the milliseconds to wait when nothing was taken. */
  take(key: string): number {
    const waitMs = this.waitMs(key);
    if (waitMs > 0) return waitMs;
    const owedUntil = this.#clock.monotonic() + this.#owedMs(key) + this.#options.refillMs;
    this.#owedUntilMs.delete(key);
    this.#owedUntilMs.set(key, owedUntil);
    if (this.#owedUntilMs.size > this.#options.maximumKeys) this.#forget();
    return 0;
  }

  /** Puts a token back, or a share of it, for an attempt that does not count. */
  giveBack(key: string, share = 1): void {
    const owed = this.#owedMs(key) - this.#options.refillMs * share;
    if (owed > 0) this.#owedUntilMs.set(key, this.#clock.monotonic() + owed);
    else this.#owedUntilMs.delete(key);
  }

  /** Returns the time until the key's bucket is full. */
  #owedMs(key: string): number {
    return Math.max(0, (this.#owedUntilMs.get(key) ?? 0) - this.#clock.monotonic());
  }

  #forget(): void {
    for (const key of this.#owedUntilMs.keys()) {
      if (this.#owedMs(key) > 0 && this.#owedUntilMs.size <= this.#options.maximumKeys) return;
      this.#owedUntilMs.delete(key);
    }
  }
}
