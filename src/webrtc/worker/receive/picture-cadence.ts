/** Time without video after which the picture of a steady publisher pauses, ms: its sound goes on, or it has none. */
const STEADY_PAUSE_MS = { withSound: 600, withoutSound: 1_000 } as const;
/** The same of others, ms: a still screen is sent once a second, and a network may rest. */
const PAUSE_MS = 1_500;
/** The same as a multiple of the last time between pictures, for slower sources. */
const PAUSE_INTERVALS = 2.5;
/** Sound that came this long after the last picture shows that the network does not rest, ms. */
const SOUND_AFTER_MS = 250;
/** Gap in the video of a publisher that rests, ms. Longer ones are pauses. */
const REST_MS = { min: 400, max: 1_500 } as const;
/** Time without a rest after which a publisher is steady, ms: at first, and after it has rested. */
const STEADY_AFTER_MS = { first: 3_000, rested: 300_000 } as const;

/**
 * Tells after which time without video the picture of a publisher pauses, by how regularly it was sent. A camera is
 * sent steadily; screens rest while they are still, as does what a busy computer encodes. Times are monotonic ms.
 */
export class PictureCadence {
  #lastAt: number | undefined;
  #timestamp = 0;
  #pictureAt = 0;
  /** Time between the last two pictures, ms. */
  #intervalMs = 0;
  #steadySince = 0;
  #hasRested = false;
  #isScreen = false;

  /** Arrival of the last video packet of any layer; undefined before the first. */
  get lastAt(): number | undefined {
    return this.#lastAt;
  }

  /** Takes the arrival of a video packet. */
  packetArrived(timestamp: number, at: number): void {
    if (this.#lastAt === undefined) this.#steadySince = at;
    const gapMs = at - (this.#lastAt ?? at);
    if (gapMs >= REST_MS.min && gapMs <= REST_MS.max) {
      this.#steadySince = at;
      this.#hasRested = true;
    }
    if (this.#lastAt === undefined || timestamp !== this.#timestamp) {
      if (this.#lastAt !== undefined) this.#intervalMs = at - this.#pictureAt;
      this.#timestamp = timestamp;
      this.#pictureAt = at;
    }
    this.#lastAt = at;
  }

  /** The publisher says that it sends a screen. */
  noteScreen(): void {
    this.#isScreen = true;
  }

  /**
   * Returns the time without video after which the picture pauses, ms.
   *
   * @param soundAt arrival of the last audio packet; undefined: the publisher sends none
   */
  pauseAfterMs(soundAt: number | undefined): number {
    if (this.#isSteady) {
      if (soundAt === undefined) return STEADY_PAUSE_MS.withoutSound;
      if (soundAt - (this.#lastAt ?? soundAt) >= SOUND_AFTER_MS) return STEADY_PAUSE_MS.withSound;
    }
    return Math.max(PAUSE_MS, this.#intervalMs * PAUSE_INTERVALS);
  }

  get #isSteady(): boolean {
    if (this.#isScreen || this.#lastAt === undefined || this.#intervalMs >= REST_MS.min) return false;
    const steadyMs = this.#lastAt - this.#steadySince;
    return steadyMs >= (this.#hasRested ? STEADY_AFTER_MS.rested : STEADY_AFTER_MS.first);
  }
}
