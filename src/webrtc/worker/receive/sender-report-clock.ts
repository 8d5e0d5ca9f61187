import { type MediaMoment, timeFrom, timestampFrom } from './media-moment.js';

/** A report counts at least for so much: what senders read off their clocks is a few ms wrong each time. */
const LEAST_WEIGHT = 1 / 16;
/** When no report comes for long, the line is moved on before timestamps wrap, s. */
const MOVE_ON_S = 600;

/** What a stream's sender reports (RFC 3550 section 6.4.1) say of its clock: a line, the mean of what they said. */
export class SenderReportClock {
  readonly #rate: number;
  #moment: MediaMoment | undefined;
  #count = 0;
  #guessed = 0;

  /** @param rate RTP ticks per second. */
  constructor(rate: number) {
    this.#rate = rate;
  }

  get known(): boolean {
    return this.#moment !== undefined;
  }

  /** How much later the stream's clock is taken to be than was reported, until the next report; ms. */
  get guessed(): number {
    return this.#guessed;
  }

  timeOf(timestamp: number): number | undefined {
    const time = this.#moment && timeFrom(this.#moment, timestamp, this.#rate);
    return time === undefined ? undefined : time + this.#guessed;
  }

  timestampAt(time: number): number | undefined {
    return this.#moment && timestampFrom(this.#moment, time - this.#guessed, this.#rate);
  }

  /** How much later a report sets the clock than those before it, what was guessed left aside; ms. */
  deviation({ time, timestamp }: MediaMoment): number {
    return this.#moment ? time - timeFrom(this.#moment, timestamp, this.#rate) : 0;
  }

  /** A report like those before: the line is moved a little. */
  take(report: MediaMoment): void {
    const deviation = this.deviation(report);
    const weight = Math.max(LEAST_WEIGHT, 1 / ++this.#count);
    this.#moment = { time: report.time - deviation * (1 - weight), timestamp: report.timestamp };
    this.#guessed = 0;
  }

  /** A report that counts more than all before. */
  begin(report: MediaMoment): void {
    this.#moment = undefined;
    this.#count = 0;
    this.take(report);
  }

  guess(ms: number): void {
    if (this.#moment) this.#guessed += ms;
  }

  /** The sender's clock was set: it is so much later now, and the stream's with it; ms. */
  shift(ms: number): void {
    if (this.#moment) this.#moment.time += ms;
  }

  /** A packet has this timestamp. */
  follow(timestamp: number): void {
    const moment = this.#moment;
    if (!moment || ((timestamp - moment.timestamp) | 0) < MOVE_ON_S * this.#rate) return;
    this.#moment = { time: timeFrom(moment, timestamp, this.#rate), timestamp };
  }

  reset(): void {
    this.#moment = undefined;
    this.#guessed = 0;
  }
}
