/** `urgent`: state changes within seconds, for a short time. */
export type Pace = 'urgent' | 'fast' | 'slow' | 'never';

export type PollHistory = {
  pace: Exclude<Pace, 'never'>;
  /** Consecutive failed requests. */
  failures: number;
  /** Consecutive identical results. */
  unchanged: number;
  /** Seconds, from Retry-After. */
  retryAfterS?: number;
};

const URGENT_MS = 1_000;
const FAST_MS = 2_000;
const SLOW_MS = 10_000;
/** Identical results (about a minute of them) after which the pace halves, and again, down to `SLOW_MS`. */
const ANSWERS_BEFORE_SLOWDOWN = 30;

/**
 * Returns the milliseconds until the next request. Jitter of 20 % keeps viewers who lost a server at the same time from
 * returning to it at the same time. `random` is in [0, 1).
 */
export function pollDelayMs(history: PollHistory, random = Math.random()): number {
  const slowdown = Math.min(1 + Math.floor(history.unchanged / ANSWERS_BEFORE_SLOWDOWN), 5);
  const regularMs =
    history.pace === 'slow' ? SLOW_MS : (history.pace === 'urgent' ? URGENT_MS : FAST_MS) * slowdown;
  const backOffMs = history.failures > 0 ? FAST_MS * 2 ** Math.min(history.failures - 1, 2) : 0;
  const baseMs = Math.max(backOffMs > 0 ? backOffMs : regularMs, (history.retryAfterS ?? 0) * 1_000);
  return baseMs * (0.8 + 0.4 * random);
}
