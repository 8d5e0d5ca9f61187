import type { Clock } from './clock.js';

export type BackoffOptions = {
  /** First delay in ms; each further one doubles. */
  initialMs: number;
  maximumMs: number;
  /** Failures older than this many ms are forgotten. */
  windowMs: number;
  /** So many failures inside the window mean: give up. */
  limit: number;
};

/** Counts failures in a sliding window and says how long to wait before the next try. */
export class Backoff {
  readonly #clock: Clock;
  readonly #options: BackoffOptions;
  #failures: number[] = [];

  constructor(clock: Clock, options: BackoffOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /** Notes a failure; gives the delay in ms before the next try, or undefined when it is time to give up. */
  failed(): number | undefined {
    const { initialMs, maximumMs, windowMs, limit } = this.#options;
    const now = this.#clock.monotonic();
    this.#failures = this.#failures.filter((at) => now - at < windowMs);
    this.#failures.push(now);
    if (this.#failures.length >= limit) return undefined;
    return Math.min(maximumMs, initialMs * 2 ** (this.#failures.length - 1));
  }
}
