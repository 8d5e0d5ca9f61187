/** Media ahead of real time, at which a source is held, and from which it goes on, ms. */
const HELD_MS = 3_000;
const RESUMED_MS = 1_500;
/** Share by which the clock of a source may be fast: 29.97 frames per second that are timed as 30 differ by 0.001. */
const DRIFT = 0.002;

/** Measures how far a source is ahead of real time. */
export class Pace {
  /** Media time minus real time that counts as punctual, ms: follows a clock that is slightly fast. */
  #baseMs = 0;
  #mediaMs = 0;
  #realMs: number;
  readonly #startedAt: number;

  /** @param now monotonic ms of the timeline's timestamp 0 */
  constructor(now: number) {
    this.#startedAt = now;
    this.#realMs = now;
  }

  /**
   * Records media.
   *
   * @param mediaMs timestamp on the timeline
   * @param now monotonic ms
   * @returns ms for which the source must be held; 0 for a punctual one
   */
  advance(mediaMs: number, now: number): number {
    this.#mediaMs = Math.max(this.#mediaMs, mediaMs);
    const lead = this.#mediaMs - (now - this.#startedAt);
    const drift = (now - this.#realMs) * DRIFT;
    this.#realMs = now;
    if (lead > this.#baseMs) this.#baseMs = Math.min(lead, this.#baseMs + drift);
    const ahead = lead - this.#baseMs;
    return ahead > HELD_MS ? ahead - RESUMED_MS : 0;
  }
}
