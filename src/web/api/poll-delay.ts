import type { Pace } from '../pages/playback-state.js';

export type PollFacts = {
  pace: Exclude<Pace, 'never'>;
  /** Requests in a row that failed. */
  failures: number;
  /** Answers in a row that said the same. */
  unchanged: number;
  /** Seconds the server asked us to stay away, if it did. */
  retryAfter?: number;
};

const URGENT_MS = 1_000;
const FAST_MS = 2_000;
const SLOW_MS = 10_000;
/** After so many fast answers without news (a minute), the pace drops to half and then to the slow one. */
const PATIENCE = 30;

/**
 * Milliseconds until the API is asked again. Spread by a fifth either way, so that viewers who lost a server
 * at the same moment don't return to it at the same moment. `random` is in [0, 1).
 */
export function pollDelay(facts: PollFacts, random = Math.random()): number {
  const patience = Math.min(1 + Math.floor(facts.unchanged / PATIENCE), 5);
  const calm = facts.pace === 'slow' ? SLOW_MS : (facts.pace === 'urgent' ? URGENT_MS : FAST_MS) * patience;
  const failing = facts.failures > 0 ? FAST_MS * 2 ** Math.min(facts.failures - 1, 2) : 0;
  const base = Math.max(failing > 0 ? failing : calm, (facts.retryAfter ?? 0) * 1_000);
  return base * (0.8 + 0.4 * random);
}
