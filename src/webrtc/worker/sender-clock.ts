import type { Clock } from '../../platform/index.js';

/** A sender whose clock was set by more than this is measured anew. */
const JUMP_MS = 1000;

/**
 * Turns the times of a sender's reports into times of this machine's clock. All streams of a sender are moved by the
 * same amount, so they stay together exactly; and whatever source viewers are shown, its clock is the same.
 */
export class SenderClock {
  readonly #clock: Clock;
  #offset: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param time of a report that has just arrived, Unix ms by the sender's clock. */
  toOurs(time: number): number {
    const offset = this.#clock.now() - time;
    if (this.#offset === undefined || Math.abs(offset - this.#offset) > JUMP_MS) this.#offset = offset;
    return time + this.#offset;
  }
}
