import type { Clock } from './clock.js';

export type BackoffOptions = {
  /** First delay; doubles with each further failure. */
  initialMs: number;
  maximumMs: number;
  /** Age after which failures do not count. */
  windowMs: number;
  /** Failures within the window at which the caller must give up. */
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
