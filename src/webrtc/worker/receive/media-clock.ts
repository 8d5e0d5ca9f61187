import { ArrivalClock } from './arrival-clock.js';
import { SenderReportClock } from './sender-report-clock.js';

/** Change of the clock below which readers are not notified, ms. */
const SIGNIFICANT_CHANGE_MS = 20;
/** Lateness of all packets in a window that means the sender's clock had stopped, ms. */
const STOPPED_CLOCK_MS = 200;

export type MediaClockOptions = {
  /** RTP clock rate, Hz. */
  rate: number;
  /** Timestamps count samples: they stop while the sender gets none. */
  countsSamples: boolean;
};

/**
 * Relates RTP timestamps to this machine's clock (Unix ms): by sender reports while they are trusted, else by the
 * earliest packet arrivals.
 */
export class MediaClock {
  readonly arrivals: ArrivalClock;
  /** Clock by sender reports, in the sender's time. */
  readonly reports: SenderReportClock;
  readonly #countsSamples: boolean;
  /** Offset from reported time to ours, ms; undefined while reports are not trusted. */
  #offsetMs: number | undefined;
  #exact = false;
  /** Lateness is known to be caused by the network, not by a stopped clock. */
  #latenessExcused = false;
  /** Reduction of the assumed stop that readers were not notified of, ms. */
  #unreportedMs = 0;

  constructor({ rate, countsSamples }: MediaClockOptions) {
    this.arrivals = new ArrivalClock(rate);
    this.reports = new SenderReportClock(rate);
    this.#countsSamples = countsSamples;
  }

  get known(): boolean {
    return this.#usesReports || this.arrivals.known;
  }

  /** Whether sender reports are trusted, so that streams of one sender can be compared exactly. */
  get exact(): boolean {
    return this.#usesReports && this.#exact;
  }

  /**
   * Applies a report in this machine's time.
   *
   * @param exact whether it is based on a sender report.
   * @returns whether the clock has changed
   */
  applyReport(time: number, timestamp: number, exact = true): boolean {
    const before = this.#usesReports ? this.timeOf(timestamp) : undefined;
    this.trustReports(0);
    this.#exact = exact;
    this.reports.restartFrom({ time, timestamp });
    return before === undefined || Math.abs(time - before) >= SIGNIFICANT_CHANGE_MS;
  }

  /** Uses `reports`. @param offset added to reported time to get ours, ms. */
  trustReports(offset: number): void {
    this.#offsetMs = offset;
    this.#exact = true;
  }

  /** Uses packet arrivals instead of reports. */
  distrustReports(): void {
    this.#offsetMs = undefined;
  }

  /** Takes the arrival of a packet (Unix ms). @returns whether the clock has changed */
  packetArrived(time: number, timestamp: number): boolean {
    this.reports.packetArrived(timestamp);
    const stopReduced = this.reports.assumedStopMs > 0 && this.#reduceAssumedStop(time, timestamp);
    const lateMs = this.arrivals.packetArrived(time, timestamp);
    if (!this.#countsSamples || lateMs === undefined) return stopReduced;
    if (lateMs < STOPPED_CLOCK_MS) this.#latenessExcused = false;
    else if (!this.#latenessExcused) {
      this.#clockStopped(lateMs);
      return true;
    }
    return stopReduced;
  }

  /** Undoes `ms` of an assumed stop: a report shows that packets are only late. */
  excuseLateness(ms: number): void {
    this.#latenessExcused = true;
    this.arrivals.shift(-ms);
  }

  /** Returns the timestamp (32 bits) of a time in Unix ms; undefined before the first packet. */
  timestampAt(time: number): number | undefined {
    if (!this.#usesReports) return this.arrivals.timestampAt(time);
    return this.reports.timestampAt(time - this.#offsetMs!);
  }

  /** Returns the time of a timestamp in Unix ms, with a fraction; undefined before the first packet. */
  timeOf(timestamp: number): number | undefined {
    if (!this.#usesReports) return this.arrivals.timeOf(timestamp);
    return this.reports.timeOf(timestamp)! + this.#offsetMs!;
  }

  /** Forgets everything, as the stream has restarted. */
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
   * Shifts the clock by a stop. A sender without samples (a throttled tab, an unplugged device) continues from its
   * last timestamp and reports the gap only seconds later.
   */
  #clockStopped(ms: number): void {
    this.arrivals.shift(ms);
    this.reports.assumeStopped(ms);
  }

  /**
   * Reduces the assumed stop by the time that a packet is early: no packet arrives before it is sent, so part of the
   * lateness was delay. Until the next report (5 s) audio would be that much late.
   *
   * @returns whether readers must be notified
   */
  #reduceAssumedStop(time: number, timestamp: number): boolean {
    const earlyMs = Math.min(this.arrivals.timeOf(timestamp)! - time, this.reports.assumedStopMs);
    if (earlyMs <= 0) return false;
    this.reports.assumeStopped(-earlyMs);
    this.#unreportedMs += earlyMs;
    if (this.#unreportedMs < SIGNIFICANT_CHANGE_MS) return false;
    this.#unreportedMs = 0;
    return true;
  }
}
