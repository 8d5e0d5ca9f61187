import type { Clock } from '../clock.js';

export type RateLimitOptions = {
  /** So many at once. */
  capacity: number;
  /** One more after so many ms. */
  refillMs: number;
  /** Keys remembered at most; the one not asked for the longest is forgotten first. */
  maximumKeys?: number;
};

/** A token bucket for every key (an address, a user), in bounded memory. */
export class RateLimit {
  readonly #clock: Clock;
  readonly #options: Required<RateLimitOptions>;
  /** Until when, on the monotonic clock, the tokens taken are owed; a missing key owes none. The oldest use first. */
  readonly #owedUntil = new Map<string, number>();

  constructor(clock: Clock, options: RateLimitOptions) {
    this.#clock = clock;
    this.#options = { maximumKeys: 10_000, ...options };
  }

  /** Keys remembered now. */
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

  /** Gives a token back that was taken for something that does not count after all. */
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
