/** A moment of a stream: Unix ms on this machine's clock, and the RTP timestamp that belongs to it. */
export type MediaMoment = { time: number; timestamp: number };

/** Ticks after which the moment that was found by arrival is moved on, so that distances never wrap. */
const ANCHOR_SECONDS = 60;

/**
 * Relates a stream's RTP timestamps to this machine's clock: by sender reports once there is one, until then by the
 * arrival of the packet that was fastest.
 */
export class MediaClock {
  readonly #rate: number;
  #reported: MediaMoment | undefined;
  #arrived: MediaMoment | undefined;

  /** @param rate ticks per second. */
  constructor(rate: number) {
    this.#rate = rate;
  }

  get known(): boolean {
    return (this.#reported ?? this.#arrived) !== undefined;
  }

  reported(time: number, timestamp: number): void {
    this.#reported = { time, timestamp };
  }

  /** A packet came at `time` (Unix ms). */
  arrived(time: number, timestamp: number): void {
    const anchor = this.#arrived;
    if (!anchor) {
      this.#arrived = { time, timestamp };
      return;
    }
    const seconds = ((timestamp - anchor.timestamp) | 0) / this.#rate;
    const expected = anchor.time + seconds * 1000;
    if (time < expected || time > expected + 1000 * ANCHOR_SECONDS) {
      anchor.time = time;
      anchor.timestamp = timestamp;
    } else if (seconds > ANCHOR_SECONDS) {
      anchor.time = expected;
      anchor.timestamp = timestamp;
    }
  }

  /** The timestamp (32 bits) of a time in Unix ms; undefined before the first packet. */
  timestampAt(time: number): number | undefined {
    const moment = this.#reported ?? this.#arrived;
    if (!moment) return undefined;
    return (moment.timestamp + Math.round(((time - moment.time) * this.#rate) / 1000)) >>> 0;
  }

  /** Whether a sender report has been seen: then two streams of one sender can be compared exactly. */
  get exact(): boolean {
    return this.#reported !== undefined;
  }

  /** The stream starts anew. */
  reset(): void {
    this.#reported = undefined;
    this.#arrived = undefined;
  }
}
