import { type MediaMoment, timeFrom, timestampFrom } from './media-moment.js';

/** A sender's clock may run so much slower than ours: ms in a ms. What was fast once is forgotten as slowly. */
const MAXIMUM_DRIFT = 0.001;
/** So often the line is moved on, ms of media. */
const ADVANCE_MS = 1000;
/** A packet that is so much later belongs to another beginning of the timestamps, ms. */
const DISCONTINUITY_MS = 60_000;
/** What the network held up comes in a rush and has caught up after this time, ms. */
const WINDOW_MS = 500;

/** Packets that came within `WINDOW_MS`: the first, the last, and how late the fastest of them was. */
type Window = { firstAt: number; lastAt: number; leastLateMs: number };

/**
 * What the arrival of packets says of a stream's clock. The network makes them later, never earlier, so the fastest are
 * the measure: they make a line of times and timestamps, and how late others are is counted from there.
 */
export class ArrivalClock {
  readonly #rate: number;
  #fastest: MediaMoment | undefined;
  #window: Window | undefined;
  #previousWindow: Window | undefined;

  /** @param rate RTP ticks per second. */
  constructor(rate: number) {
    this.#rate = rate;
  }

  get known(): boolean {
    return this.#fastest !== undefined;
  }

  /** When a packet of this timestamp arrives that is as fast as the fastest; ms. */
  timeOf(timestamp: number): number | undefined {
    return this.#fastest && timeFrom(this.#fastest, timestamp, this.#rate);
  }

  timestampAt(time: number): number | undefined {
    return this.#fastest && timestampFrom(this.#fastest, time, this.#rate);
  }

  /**
   * A packet came at `time`, ms.
   *
   * @returns when a while is over: how late the fastest packet in it was, ms.
   */
  packetArrived(time: number, timestamp: number): number | undefined {
    this.#advance(time, timestamp);
    const late = time - this.timeOf(timestamp)!;
    const window = this.#window;
    if (window && time - window.firstAt < WINDOW_MS) {
      window.leastLateMs = Math.min(window.leastLateMs, late);
      window.lastAt = time;
      return undefined;
    }
    this.#previousWindow = window;
    this.#window = { firstAt: time, lastAt: time, leastLateMs: late };
    return window?.leastLateMs;
  }

  /** How late the fastest of the packets was that came in the last moment, ms; 0 when none came. */
  latenessMs(now: number): number {
    const recent = [this.#window, this.#previousWindow].flatMap((window) =>
      window && now - window.lastAt < WINDOW_MS ? window.leastLateMs : [],
    );
    return recent.length > 0 ? Math.min(...recent) : 0;
  }

  /** The stream's clock is found to be so much later than was thought, ms. */
  shift(ms: number): void {
    if (this.#fastest) this.#fastest.time += ms;
    this.#window = undefined;
    this.#previousWindow = undefined;
  }

  reset(): void {
    this.#fastest = undefined;
    this.shift(0);
  }

  #advance(time: number, timestamp: number): void {
    const expected = this.timeOf(timestamp);
    if (expected === undefined || time < expected || time > expected + DISCONTINUITY_MS) {
      this.#fastest = { time, timestamp };
      return;
    }
    const passed = (((timestamp - this.#fastest!.timestamp) | 0) * 1000) / this.#rate;
    if (passed < ADVANCE_MS) return;
    this.#fastest = { time: Math.min(time, expected + passed * MAXIMUM_DRIFT), timestamp };
  }
}
