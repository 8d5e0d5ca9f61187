import type { Clock } from './clock.js';

export type BackoffOptions = {
  /** First delay in ms; each further one doubles. */
  initialMs: number;
  maximumMs: number;
  /** Failures older than this many ms are forgotten. */
  windowMs: number;
  /** Number of failures within the window after which to give up. */
  limit: number;
};

/** Counts failures in a sliding window and computes the delay before the next attempt. */
export class Backoff {
  readonly #clock: Clock;
  readonly #options: BackoffOptions;
  #failures: number[] = [];

  constructor(clock: Clock, options: BackoffOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /** Records a failure. @returns the delay before the next attempt, ms; undefined: give up */
  failed(): number | undefined {
    const { initialMs, maximumMs, windowMs, limit } = this.#options;
    const now = this.#clock.monotonic();
    this.#failures = this.#failures.filter((at) => now - at < windowMs);
    this.#failures.push(now);
    if (this.#failures.length >= limit) return undefined;
    return Math.min(maximumMs, initialMs * 2 ** (this.#failures.length - 1));
  }
}
