import { type MediaMoment, timeFrom, timestampFrom } from './media-moment.js';

/** A report counts at least for so much: what senders read off their clocks is a few ms wrong each time. */
const MINIMUM_WEIGHT = 1 / 16;
/** When no report comes for long, the line is moved on before timestamps wrap, s. */
const ADVANCE_S = 600;

/** What a stream's sender reports (RFC 3550 section 6.4.1) say of its clock: a line, the mean of what they said. */
export class SenderReportClock {
  readonly #rate: number;
  #moment: MediaMoment | undefined;
  #count = 0;
  #assumedStopMs = 0;

  /** @param rate RTP ticks per second. */
  constructor(rate: number) {
    this.#rate = rate;
  }

  get known(): boolean {
    return this.#moment !== undefined;
  }

  /** How much later the stream's clock is taken to be than was reported, until the next report; ms. */
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

  /** How much later a report sets the clock than those before it, what was guessed left aside; ms. */
  deviationMs({ time, timestamp }: MediaMoment): number {
    return this.#moment ? time - timeFrom(this.#moment, timestamp, this.#rate) : 0;
  }

  /** A report like those before: the line is moved a little. */
  addReport(report: MediaMoment): void {
    const deviation = this.deviationMs(report);
    const weight = Math.max(MINIMUM_WEIGHT, 1 / ++this.#count);
    this.#moment = { time: report.time - deviation * (1 - weight), timestamp: report.timestamp };
    this.#assumedStopMs = 0;
  }

  /** A report that counts more than all before. */
  restartFrom(report: MediaMoment): void {
    this.#moment = undefined;
    this.#count = 0;
    this.addReport(report);
  }

  assumeStopped(ms: number): void {
    if (this.#moment) this.#assumedStopMs += ms;
  }

  /** The sender's clock was set: it is so much later now, and the stream's with it; ms. */
  shift(ms: number): void {
    if (this.#moment) this.#moment.time += ms;
  }

  /** A packet has this timestamp. */
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
