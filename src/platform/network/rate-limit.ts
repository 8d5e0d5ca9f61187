import type { Clock } from '../clock.js';

export type RateLimitOptions = {
  /** Tokens of a full bucket. */
  capacity: number;
  /** Time to refill one token, ms. */
  refillMs: number;
  /** Keys kept; the least recently used is evicted first. */
  maximumKeys?: number;
};

/** A token bucket for every key (an address, a user), in bounded memory. */
export class RateLimit {
  readonly #clock: Clock;
  readonly #options: Required<RateLimitOptions>;
  /** Monotonic time at which a key's bucket is full again, least recently used first; a missing key has a full bucket. */
  readonly #owedUntil = new Map<string, number>();

  constructor(clock: Clock, options: RateLimitOptions) {
    this.#clock = clock;
    this.#options = { maximumKeys: 10_000, ...options };
  }

  /** Number of keys kept. */
  get size(): number {
    return this.#owedUntil.size;
  }

  /** Milliseconds until `take` would succeed; 0 when it would now. */
  wait(key: string): number {
    const { capacity, refillMs } = this.#options;
    return Math.ceil(Math.max(0, this.#owed(key) + refillMs - capacity * refillMs));
  }

  /** Takes a token if there is one. @returns 0, or the milliseconds to wait when nothing was taken. */
  take(key: string): number {
    const wait = this.wait(key);
    if (wait > 0) return wait;
    const owedUntil = this.#clock.monotonic() + this.#owed(key) + this.#options.refillMs;
    this.#owedUntil.delete(key);
    this.#owedUntil.set(key, owedUntil);
    if (this.#owedUntil.size > this.#options.maximumKeys) this.#forget();
    return 0;
  }

  /** Returns a token that was taken for something that does not count. */
  giveBack(key: string): void {
    const owed = this.#owed(key) - this.#options.refillMs;
    if (owed > 0) this.#owedUntil.set(key, this.#clock.monotonic() + owed);
    else this.#owedUntil.delete(key);
  }

  /** Milliseconds until the key has all its tokens back. */
  #owed(key: string): number {
    return Math.max(0, (this.#owedUntil.get(key) ?? 0) - this.#clock.monotonic());
  }

  #forget(): void {
    for (const key of this.#owedUntil.keys()) {
      if (this.#owed(key) > 0 && this.#owedUntil.size <= this.#options.maximumKeys) return;
      this.#owedUntil.delete(key);
    }
  }
}
