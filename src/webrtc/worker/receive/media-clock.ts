import { ArrivalClock } from './arrival-clock.js';
import { SenderReportClock } from './sender-report-clock.js';

/** A report that moves the clock by less says what was known, ms. */
const SIGNIFICANT_CHANGE_MS = 20;
/** Packets that all are so much later than they have been come from a clock that stood still for so long, ms. */
const STOPPED_CLOCK_MS = 200;

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
  #offsetMs: number | undefined;
  #exact = false;
  /** Packets are late, and that is the network's doing: the sender has said so. */
  #latenessExcused = false;

  constructor({ rate, countsSamples }: MediaClockOptions) {
    this.arrivals = new ArrivalClock(rate);
    this.reports = new SenderReportClock(rate);
    this.#countsSamples = countsSamples;
  }

  get known(): boolean {
    return this.#usesReports || this.arrivals.known;
  }

  /** Whether sender reports count: then two streams of one sender can be compared exactly. */
  get exact(): boolean {
    return this.#usesReports && this.#exact;
  }

  /**
   * A report in our time by who knows this clock already.
   *
   * @param exact whether it goes back to a sender report.
   * @returns whether the clock is now another one.
   */
  applyReport(time: number, timestamp: number, exact = true): boolean {
    const before = this.#usesReports ? this.timeOf(timestamp) : undefined;
    this.trustReports(0);
    this.#exact = exact;
    this.reports.restartFrom({ time, timestamp });
    return before === undefined || Math.abs(time - before) >= SIGNIFICANT_CHANGE_MS;
  }

  /** From now on what `reports` say counts. @param offset is added to it to get our time, ms. */
  trustReports(offset: number): void {
    this.#offsetMs = offset;
    this.#exact = true;
  }

  /** From now on reports do not count. */
  distrustReports(): void {
    this.#offsetMs = undefined;
  }

  /** A packet came at `time` (Unix ms). @returns whether the clock is now another one. */
  packetArrived(time: number, timestamp: number): boolean {
    this.reports.packetArrived(timestamp);
    const late = this.arrivals.packetArrived(time, timestamp);
    if (!this.#countsSamples || late === undefined) return false;
    if (late < STOPPED_CLOCK_MS) this.#latenessExcused = false;
    else if (!this.#latenessExcused) {
      this.#clockStopped(late);
      return true;
    }
    return false;
  }

  /** A report shows that the clock did not stand still: packets are only late. */
  excuseLateness(): void {
    this.#latenessExcused = true;
    this.arrivals.shift(-this.reports.assumedStopMs);
  }

  /** The timestamp (32 bits) of a time in Unix ms; undefined before the first packet. */
  timestampAt(time: number): number | undefined {
    if (!this.#usesReports) return this.arrivals.timestampAt(time);
    return this.reports.timestampAt(time - this.#offsetMs!);
  }

  /** The time in Unix ms, with a fraction, of a timestamp; undefined before the first packet. */
  timeOf(timestamp: number): number | undefined {
    if (!this.#usesReports) return this.arrivals.timeOf(timestamp);
    return this.reports.timeOf(timestamp)! + this.#offsetMs!;
  }

  /** The stream starts anew. */
  reset(): void {
    this.distrustReports();
    this.reports.reset();
    this.arrivals.reset();
    this.#latenessExcused = false;
  }

  get #usesReports(): boolean {
    return this.#offsetMs !== undefined && this.reports.known;
  }

  /**
   * Who is given no samples (a tab that is starved, a device that was pulled) counts on from where it was when there are
   * some again, and says so only in the next report, seconds later.
   */
  #clockStopped(ms: number): void {
    this.arrivals.shift(ms);
    this.reports.assumeStopped(ms);
  }
}
