/** A moment of a stream: Unix ms on this machine's clock, and the RTP timestamp that belongs to it. */
export type MediaMoment = { time: number; timestamp: number };

/** Ticks after which the moment that was found by arrival is moved on, so that distances never wrap. */
const ANCHOR_SECONDS = 60;
/** A report that moves the clock by less says what was known, ms. */
const SAME_MS = 20;
/** Packets that all are so much later than they have been come from a clock that stood still for so long, ms. */
const STOOD_STILL_MS = 200;
/** What the network held up comes in a rush and has caught up after this time, ms. */
const CATCH_UP_MS = 500;

export type MediaClockOptions = {
  /** RTP ticks per second. */
  rate: number;
  /** The sender's timestamps count samples: they stand still while it is given none. */
  countsSamples: boolean;
};

/**
 * Relates a stream's RTP timestamps to this machine's clock: by sender reports once there is one, until then by the
 * arrival of the packet that was fastest.
 */
export class MediaClock {
  readonly #rate: number;
  readonly #countsSamples: boolean;
  #reported: MediaMoment | undefined;
  #arrived: MediaMoment | undefined;
  /** How late packets came at least: since the clock was set, and since a moment ago. */
  #least: number | undefined;
  #lately: { since: number; least: number } | undefined;

  constructor({ rate, countsSamples }: MediaClockOptions) {
    this.#rate = rate;
    this.#countsSamples = countsSamples;
  }

  get known(): boolean {
    return (this.#reported ?? this.#arrived) !== undefined;
  }

  /** @returns whether the clock is now another one. */
  reported(time: number, timestamp: number): boolean {
    const before = this.#reported && this.timeOf(timestamp);
    this.#reported = { time, timestamp };
    if (before !== undefined && Math.abs(time - before) < SAME_MS) return false;
    this.#forgetLateness();
    return true;
  }

  /** A packet came at `time` (Unix ms). @returns whether the clock is now another one. */
  arrived(time: number, timestamp: number): boolean {
    const anchor = this.#arrived;
    if (!anchor) {
      this.#arrived = { time, timestamp };
      return false;
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
    return this.#countsSamples && this.#stoodStill(time, timestamp);
  }

  /** The timestamp (32 bits) of a time in Unix ms; undefined before the first packet. */
  timestampAt(time: number): number | undefined {
    const moment = this.#reported ?? this.#arrived;
    if (!moment) return undefined;
    return (moment.timestamp + Math.round(((time - moment.time) * this.#rate) / 1000)) >>> 0;
  }

  /** The time in Unix ms, with a fraction, of a timestamp; undefined before the first packet. */
  timeOf(timestamp: number): number | undefined {
    const moment = this.#reported ?? this.#arrived;
    return moment && moment.time + (((timestamp - moment.timestamp) | 0) * 1000) / this.#rate;
  }

  /** Whether a sender report has been seen: then two streams of one sender can be compared exactly. */
  get exact(): boolean {
    return this.#reported !== undefined;
  }

  /** The stream starts anew. */
  reset(): void {
    this.#reported = undefined;
    this.#arrived = undefined;
    this.#forgetLateness();
  }

  /**
   * Who is given no samples (a tab that is starved, a device that was pulled) counts on from where it was when there are
   * some again, and says so only in the next report, seconds later.
   */
  #stoodStill(time: number, timestamp: number): boolean {
    const late = time - this.timeOf(timestamp)!;
    this.#least = Math.min(this.#least ?? late, late);
    const lately = this.#lately;
    if (lately && time - lately.since < CATCH_UP_MS) {
      lately.least = Math.min(lately.least, late);
      return false;
    }
    this.#lately = { since: time, least: late };
    const stood = lately ? lately.least - this.#least : 0;
    if (stood < STOOD_STILL_MS) return false;
    for (const moment of [this.#reported, this.#arrived]) if (moment) moment.time += stood;
    this.#lately = undefined;
    return true;
  }

  #forgetLateness(): void {
    this.#least = undefined;
    this.#lately = undefined;
  }
}
