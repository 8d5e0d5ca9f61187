import type { Cancel, Clock } from '../../../platform/index.js';

/** Minimum interval between keyframe requests of a layer, ms. */
const SPACING_MS = 1000;
/** Minimum interval for the first reader of a layer, ms. */
const URGENT_SPACING_MS = 300;

/** Requests without a keyframe after which repeating stops. */
const MAXIMUM_TRIES = 10;

/**
 * Coalesces the keyframe requests of all readers of a layer into at most one a second. A request is repeated until a
 * keyframe arrives: it may be lost, and Chromium ignores one that closely follows a keyframe.
 */
export class KeyframeRequests {
  readonly #clock: Clock;
  readonly #send: () => void;
  #sentAt = Number.NEGATIVE_INFINITY;
  #scheduled: Cancel | undefined;
  #scheduledFor = 0;
  #tries = 0;
  #awaitedSince: number | undefined;

  constructor(clock: Clock, send: () => void) {
    this.#clock = clock;
    this.#send = send;
  }

  /** Monotonic ms of the first request since the last keyframe. */
  get awaitedSince(): number | undefined {
    return this.#awaitedSince;
  }

  request(urgent = false): void {
    this.#awaitedSince ??= this.#clock.monotonic();
    const waitMs = this.#sentAt + (urgent ? URGENT_SPACING_MS : SPACING_MS) - this.#clock.monotonic();
    this.#tries = 0;
    if (waitMs <= 0) this.#sendNow();
    // An earlier scheduled request stays.
    else if (!this.#scheduled || this.#clock.monotonic() + waitMs < this.#scheduledFor)
      this.#schedule(waitMs);
  }

  /** Cancels the scheduled request. */
  keyframeArrived(): void {
    this.#awaitedSince = undefined;
    this.#cancel();
  }

  #cancel(): void {
    this.#scheduled?.();
    this.#scheduled = undefined;
  }

  #sendNow(): void {
    this.#sentAt = this.#clock.monotonic();
    this.#send();
    this.#tries++;
    if (this.#tries < MAXIMUM_TRIES) this.#schedule(SPACING_MS);
    else this.#cancel();
  }

  #schedule(waitMs: number): void {
    this.#scheduled?.();
    this.#scheduledFor = this.#clock.monotonic() + waitMs;
    this.#scheduled = this.#clock.after(waitMs, () => this.#sendNow());
  }
}
