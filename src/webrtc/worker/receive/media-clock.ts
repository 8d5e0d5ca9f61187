import { ArrivalClock } from './arrival-clock.js';
import { SenderReportClock } from './sender-report-clock.js';

/** A report that moves the clock by less says what was known, ms. */
const SAME_MS = 20;
/** Packets that all are so much later than they have been come from a clock that stood still for so long, ms. */
const STOOD_STILL_MS = 200;

export type MediaClockOptions = {
  /** RTP ticks per second. */
  rate: number;
  /** The sender's timestamps count samples: they stand still while it is given none. */
  countsSamples: boolean;
};

/**
 * Relates a stream's RTP timestamps to this machine's clock (Unix ms): by sender reports where they are believed, else
 * by the arrival of the packets that were fastest.
 */
export class MediaClock {
  readonly arrivals: ArrivalClock;
  /** In the time of who reports. */
  readonly reports: SenderReportClock;
  readonly #countsSamples: boolean;
  /** Our time of what is reported is so much later; undefined: reports do not count. */
  #offset: number | undefined;
  #exact = false;
  /** Packets are late, and that is the network's doing: the sender has said so. */
  #excused = false;

  constructor({ rate, countsSamples }: MediaClockOptions) {
    this.arrivals = new ArrivalClock(rate);
    this.reports = new SenderReportClock(rate);
    this.#countsSamples = countsSamples;
  }

  get known(): boolean {
    return this.#reported || this.arrivals.known;
  }

  /** Whether sender reports count: then two streams of one sender can be compared exactly. */
  get exact(): boolean {
    return this.#reported && this.#exact;
  }

  /**
   * A report in our time by who knows this clock already.
   *
   * @param exact whether it goes back to a sender report.
   * @returns whether the clock is now another one.
   */
  reported(time: number, timestamp: number, exact = true): boolean {
    const before = this.#reported ? this.timeOf(timestamp) : undefined;
    this.believe(0);
    this.#exact = exact;
    this.reports.begin({ time, timestamp });
    return before === undefined || Math.abs(time - before) >= SAME_MS;
  }

  /** From now on what `reports` say counts. @param offset is added to it to get our time, ms. */
  believe(offset: number): void {
    this.#offset = offset;
    this.#exact = true;
  }

  /** From now on reports do not count. */
  doubt(): void {
    this.#offset = undefined;
  }

  /** A packet came at `time` (Unix ms). @returns whether the clock is now another one. */
  arrived(time: number, timestamp: number): boolean {
    this.reports.follow(timestamp);
    const late = this.arrivals.arrived(time, timestamp);
    if (!this.#countsSamples || late === undefined) return false;
    if (late < STOOD_STILL_MS) this.#excused = false;
    else if (!this.#excused) {
      this.#stoodStill(late);
      return true;
    }
    return false;
  }

  /** A report shows that the clock did not stand still: packets are only late. */
  excuse(): void {
    this.#excused = true;
    this.arrivals.move(-this.reports.guessed);
  }

  /** The timestamp (32 bits) of a time in Unix ms; undefined before the first packet. */
  timestampAt(time: number): number | undefined {
    if (!this.#reported) return this.arrivals.timestampAt(time);
    return this.reports.timestampAt(time - this.#offset!);
  }

  /** The time in Unix ms, with a fraction, of a timestamp; undefined before the first packet. */
  timeOf(timestamp: number): number | undefined {
    if (!this.#reported) return this.arrivals.timeOf(timestamp);
    return this.reports.timeOf(timestamp)! + this.#offset!;
  }

  /** The stream starts anew. */
  reset(): void {
    this.doubt();
    this.reports.reset();
    this.arrivals.reset();
    this.#excused = false;
  }

  get #reported(): boolean {
    return this.#offset !== undefined && this.reports.known;
  }

  /**
   * Who is given no samples (a tab that is starved, a device that was pulled) counts on from where it was when there are
   * some again, and says so only in the next report, seconds later.
   */
  #stoodStill(ms: number): void {
    this.arrivals.move(ms);
    this.reports.guess(ms);
  }
}
