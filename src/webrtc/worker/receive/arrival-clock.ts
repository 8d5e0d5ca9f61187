import { type MediaMoment, timeFrom, timestampFrom } from './media-moment.js';

/** Assumed drift of a sender's clock, ms per ms; an early arrival is forgotten at this rate. */
const MAXIMUM_DRIFT = 0.001;
/** Media time after which the reference is advanced, ms. */
const ADVANCE_MS = 1000;
/** Lateness that means new timestamps, ms. */
const DISCONTINUITY_MS = 60_000;
/**
 * Window of the lateness minimum, ms: packets delayed by the network arrive in a burst and have caught up by then.
 */
const WINDOW_MS = 500;

/** Packets within `WINDOW_MS`: first and last arrival, and the smallest lateness. */
type Window = { firstAt: number; lastAt: number; leastLateMs: number };

/**
 * Relates a stream's timestamps to time by packet arrivals. The network only delays packets, so the earliest arrivals
 * are the reference; the lateness of others is measured against it.
 */
export class ArrivalClock {
  readonly #rate: number;
  #fastest: MediaMoment | undefined;
  #window: Window | undefined;
  #previousWindow: Window | undefined;

  /** @param rate RTP clock rate, Hz. */
  constructor(rate: number) {
    this.#rate = rate;
  }

  get known(): boolean {
    return this.#fastest !== undefined;
  }

  /** Returns the earliest expected arrival of a timestamp, ms. */
  timeOf(timestamp: number): number | undefined {
    return this.#fastest && timeFrom(this.#fastest, timestamp, this.#rate);
  }

  timestampAt(time: number): number | undefined {
    return this.#fastest && timestampFrom(this.#fastest, time, this.#rate);
  }

  /**
   * Takes the arrival of a packet, ms.
   *
   * @returns at the end of a window, the smallest lateness in it, ms.
   */
  packetArrived(time: number, timestamp: number): number | undefined {
    this.#advance(time, timestamp);
    const lateMs = time - this.timeOf(timestamp)!;
    const window = this.#window;
    if (window && time - window.firstAt < WINDOW_MS) {
      window.leastLateMs = Math.min(window.leastLateMs, lateMs);
      window.lastAt = time;
      return undefined;
    }
    this.#previousWindow = window;
    this.#window = { firstAt: time, lastAt: time, leastLateMs: lateMs };
    return window?.leastLateMs;
  }

  /** Returns the smallest lateness in the last windows, ms; 0 when no packets arrived. */
  latenessMs(now: number): number {
    const recent = [this.#window, this.#previousWindow].flatMap((window) =>
      window && now - window.lastAt < WINDOW_MS ? window.leastLateMs : [],
    );
    return recent.length > 0 ? Math.min(...recent) : 0;
  }

  /** Moves the reference later, ms. */
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
    const elapsedMs = (((timestamp - this.#fastest!.timestamp) | 0) * 1000) / this.#rate;
    if (elapsedMs < ADVANCE_MS) return;
    this.#fastest = { time: Math.min(time, expected + elapsedMs * MAXIMUM_DRIFT), timestamp };
  }
}
