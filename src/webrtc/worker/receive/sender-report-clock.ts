import { type MediaMoment, timeFrom, timestampFrom } from './media-moment.js';

/** Minimum weight of a report in the average; reports are inaccurate by a few ms. */
const MINIMUM_WEIGHT = 1 / 16;
/** Interval at which the reference is advanced without reports, before timestamps wrap, s. */
const ADVANCE_S = 600;

/** Clock of a stream by its sender reports (RFC 3550 section 6.4.1), averaged. */
export class SenderReportClock {
  readonly #rate: number;
  #moment: MediaMoment | undefined;
  #count = 0;
  #assumedStopMs = 0;

  /** @param rate RTP clock rate, Hz. */
  constructor(rate: number) {
    this.#rate = rate;
  }

  get known(): boolean {
    return this.#moment !== undefined;
  }

  /** Assumed stop of the clock since the last report, ms. */
  get assumedStopMs(): number {
    return this.#assumedStopMs;
  }

  timeOf(timestamp: number): number | undefined {
    const time = this.#moment && timeFrom(this.#moment, timestamp, this.#rate);
    return time === undefined ? undefined : time + this.#assumedStopMs;
  }

  timestampAt(time: number): number | undefined {
    return this.#moment && timestampFrom(this.#moment, time - this.#assumedStopMs, this.#rate);
  }

  /** Returns how much later a report is than earlier ones, ms, without the assumed stop. */
  deviationMs({ time, timestamp }: MediaMoment): number {
    return this.#moment ? time - timeFrom(this.#moment, timestamp, this.#rate) : 0;
  }

  /** Averages a report that agrees with earlier ones. */
  addReport(report: MediaMoment): void {
    const deviationMs = this.deviationMs(report);
    const weight = Math.max(MINIMUM_WEIGHT, 1 / ++this.#count);
    this.#moment = { time: report.time - deviationMs * (1 - weight), timestamp: report.timestamp };
    this.#assumedStopMs = 0;
  }

  /** Restarts the average from a report. */
  restartFrom(report: MediaMoment): void {
    this.#moment = undefined;
    this.#count = 0;
    this.addReport(report);
  }

  assumeStopped(ms: number): void {
    if (this.#moment) this.#assumedStopMs += ms;
  }

  /** Shifts the clock by a step of the sender's clock, ms. */
  shift(ms: number): void {
    if (this.#moment) this.#moment.time += ms;
  }

  /** Advances the reference when no report has arrived for long. */
  packetArrived(timestamp: number): void {
    const moment = this.#moment;
    if (!moment || ((timestamp - moment.timestamp) | 0) < ADVANCE_S * this.#rate) return;
    this.#moment = { time: timeFrom(moment, timestamp, this.#rate), timestamp };
  }

  reset(): void {
    this.#moment = undefined;
    this.#assumedStopMs = 0;
  }
}
