import type { Cancel, Clock } from '../../../platform/index.js';

/** ms between two requests for a keyframe of one layer. */
const SPACING_MS = 1000;
/** The first reader of a layer need not wait so long. */
const URGENT_SPACING_MS = 300;

/** A source that sends none for so many requests has stopped, or can't be asked. */
const MAXIMUM_TRIES = 10;

/**
 * Coalesces the requests for keyframes of all readers of a layer: none is forgotten, at most one a second is sent. A
 * request is repeated until a keyframe comes: it may be lost, and Chromium ignores one that follows a keyframe closely.
 */
export class KeyframeRequests {
  readonly #clock: Clock;
  readonly #send: () => void;
  #sentAt = Number.NEGATIVE_INFINITY;
  #scheduled: Cancel | undefined;
  #scheduledFor = 0;
  #tries = 0;

  constructor(clock: Clock, send: () => void) {
    this.#clock = clock;
    this.#send = send;
  }

  request(urgent = false): void {
    const wait = this.#sentAt + (urgent ? URGENT_SPACING_MS : SPACING_MS) - this.#clock.monotonic();
    this.#tries = 0;
    if (wait <= 0) this.#sendNow();
    // What is planned for an earlier time, as it is urgent, stays.
    else if (!this.#scheduled || this.#clock.monotonic() + wait < this.#scheduledFor) this.#schedule(wait);
  }

  /** A keyframe is there: nobody waits for another one. */
  keyframeArrived(): void {
    this.#scheduled?.();
    this.#scheduled = undefined;
  }

  #sendNow(): void {
    this.#sentAt = this.#clock.monotonic();
    this.#send();
    this.#tries++;
    if (this.#tries < MAXIMUM_TRIES) this.#schedule(SPACING_MS);
    else this.keyframeArrived();
  }

  #schedule(wait: number): void {
    this.#scheduled?.();
    this.#scheduledFor = this.#clock.monotonic() + wait;
    this.#scheduled = this.#clock.after(wait, () => this.#sendNow());
  }
}
