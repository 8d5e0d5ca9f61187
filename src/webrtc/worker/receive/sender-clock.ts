import type { Clock } from '../../../platform/index.js';
import type { Layer } from './layer.js';
import type { MediaMoment } from './media-moment.js';

/** Reports of one stream are so exact: their sender reads two clocks one after the other, ms. */
const JITTER_MS = 60;
/** What is guessed of a clock that stood still is so exact, ms. */
const GUESS_MS = 200;
/** Sound and picture that were made at the same time arrive so far apart, when the network is at its best, ms. */
const APART_MS = 500;
/** So late may packets be by the first reports, when the network is busy with the first pictures, ms. */
const LATE_MS = 2000;
/** Two clocks drift apart; ours follows the sender's by so much, ms in a ms. */
const FOLLOW = 0.0005;
/** A sender is not believed any more after so many wrong reports of a stream in a row, over such a time. */
const WRONG = { reports: 3, ms: 5000 } as const;
/** It is believed again when so many of each stream in a row are right, over such a time: longer after each failure. */
const RIGHT = { reports: 3, ms: 10_000, mostMs: 600_000 } as const;
/** Two reports that both say that the sender's clock was set come within this time, ms. */
const CONFIRMED_MS = 15_000;
/** No clock is set twice within this time, ms. */
const SET_EVERY_MS = 60_000;
/** A stream that does not report for so long has no say, ms. */
const SILENT_MS = 30_000;
/** Who reads a stream is told when its clock moves by more, ms. */
const SAME_MS = 20;

/** A stream, and how many of its latest reports in a row were wrong, or right, since when. */
type Stream = {
  layer: Layer;
  heardAt: number;
  /** The layer's highest number when the last report came. */
  head: number;
  wrong: number;
  right: number;
  since: number;
};

/**
 * Judges the reports of one sender. An honest report agrees with those before it to a few ms, whatever the network does;
 * it says something else when the stream's clock stood still, which packets show, or when the sender's own clock was
 * set, which all its streams then say. Any other is left aside, and of who sends no better ones the arrival of packets
 * is believed instead.
 *
 * All streams of a sender are moved by the same amount to this machine's clock, so they stay together exactly.
 */
export class SenderClock {
  readonly #clock: Clock;
  readonly #believes: (believed: boolean) => void;
  readonly #streams = new Map<Layer, Stream>();
  /** Our time is so much later than the sender's, ms; undefined before the first report. */
  #offset: number | undefined;
  #followedAt = 0;
  #believed = true;
  #probationMs: number = RIGHT.ms;
  /** How much later than expected the last wrong report was. */
  #claim: { deviation: number; at: number } | undefined;
  #setAt = Number.NEGATIVE_INFINITY;

  /** @param believes told when the sender is not believed any more, and when it is again. */
  constructor(clock: Clock, believes: (believed: boolean) => void) {
    this.#clock = clock;
    this.#believes = believes;
  }

  /** A report of a stream has come: its time is Unix ms by the sender's clock. */
  report(layer: Layer, report: MediaMoment): void {
    const { mediaClock } = layer;
    const now = layer.steadyTime(this.#clock.monotonic());
    const before = mediaClock.timeOf(report.timestamp);
    const stream = this.#streamOf(layer, now);
    // Of a stream that has stopped nothing shows whether what is said of it is right.
    if (layer.head === stream.head) return;
    stream.head = layer.head;
    if (this.#offset === undefined) {
      this.#offset = now - report.time;
      this.#followedAt = now;
    }
    const right = this.#takes(layer, report, now) && this.#isNear(layer, now);
    count(stream, right, now);
    if (this.#believed) {
      this.#apply(layer, now);
      if (stream.wrong >= WRONG.reports && now - stream.since >= WRONG.ms) this.#doubt();
    } else if (this.#heard(now).every((one) => this.#isProven(one, now))) this.#believe(now);
    const after = mediaClock.timeOf(report.timestamp);
    if (before === undefined || after === undefined || Math.abs(after - before) >= SAME_MS) layer.tellClock();
  }

  #streamOf(layer: Layer, now: number): Stream {
    let stream = this.#streams.get(layer);
    if (!stream || !layer.mediaClock.reports.known) {
      stream = { layer, heardAt: now, head: -1, wrong: 0, right: 0, since: now };
      this.#streams.set(layer, stream);
    }
    stream.heardAt = now;
    return stream;
  }

  /** Whether a report agrees with what is known; then it adds to that. */
  #takes({ mediaClock }: Layer, report: MediaMoment, now: number): boolean {
    const { reports, arrivals } = mediaClock;
    const deviation = reports.deviation(report);
    if (!reports.known) {
      reports.begin(report);
      return true;
    }
    if (Math.abs(deviation) <= JITTER_MS) {
      if (reports.guessed > 0) mediaClock.excuse();
      reports.take(report);
      this.#claim = undefined;
      return true;
    }
    if (reports.guessed > 0 && Math.abs(deviation - reports.guessed) <= GUESS_MS) {
      reports.begin(report);
      return true;
    }
    const late = arrivals.lateness(now);
    if (Math.abs(late - deviation) < late) {
      // Packets are less late by it: the stream's clock stood still.
      arrivals.move(deviation);
      reports.begin(report);
      return true;
    }
    if (this.#wasSet(deviation, now)) {
      this.#set(deviation, now);
      reports.take(report);
      return true;
    }
    this.#claim = { deviation, at: now };
    if (!this.#believed) reports.begin(report);
    return false;
  }

  /** Whether another report has just said the same. */
  #wasSet(deviation: number, now: number): boolean {
    const claim = this.#claim;
    return (
      claim !== undefined &&
      now - claim.at <= CONFIRMED_MS &&
      now - this.#setAt > SET_EVERY_MS &&
      Math.abs(deviation - claim.deviation) <= JITTER_MS
    );
  }

  #set(ms: number, now: number): void {
    this.#setAt = now;
    this.#claim = undefined;
    this.#offset! -= ms;
    for (const { mediaClock } of this.#streams.keys()) {
      mediaClock.reports.shift(ms);
      if (mediaClock.exact) mediaClock.believe(this.#offset!);
    }
  }

  /** Whether by the reports what arrives at the same time was made at about the same time, in all streams. */
  #isNear(layer: Layer, now: number): boolean {
    const delay = delayOf(layer);
    return this.#heard(now).every((other) => Math.abs(delayOf(other.layer) - delay) <= APART_MS);
  }

  /** Has the reports count of all streams or, as long as one of them is new and not plausible, of none. */
  #apply(reporting: Layer, now: number): void {
    const streams = this.#heard(now);
    const isOld = streams.every(({ right }) => right >= RIGHT.reports);
    // Reports that agree with each other for long enough say how sound and picture belong together, whenever that was.
    if (isOld && streams.every(({ layer }) => !layer.mediaClock.exact)) this.#offset = leastDelay(streams);
    const offset = this.#follow(streams, now);
    const plausible = isOld || streams.every(({ layer }) => Math.abs(delayOf(layer) - offset) <= LATE_MS);
    for (const { layer } of streams) {
      const { mediaClock } = layer;
      const { exact } = mediaClock;
      if (plausible) mediaClock.believe(offset);
      else mediaClock.doubt();
      if (mediaClock.exact !== exact && layer !== reporting) layer.tellClock();
    }
  }

  /** Our time of the sender's: by the packets that come fastest, and slowly, as all streams move with it. */
  #follow(streams: Stream[], now: number): number {
    const most = (now - this.#followedAt) * FOLLOW;
    this.#followedAt = now;
    this.#offset! += Math.max(-most, Math.min(most, leastDelay(streams) - this.#offset!));
    return this.#offset!;
  }

  #heard(now: number): Stream[] {
    return [...this.#streams.values()].filter(
      ({ layer, heardAt }) => now - heardAt < SILENT_MS && layer.mediaClock.reports.known,
    );
  }

  #isProven({ right, since }: Stream, now: number): boolean {
    return right >= RIGHT.reports && now - since >= this.#probationMs;
  }

  #doubt(): void {
    this.#believed = false;
    for (const stream of this.#streams.values()) {
      stream.right = 0;
      stream.layer.mediaClock.doubt();
      stream.layer.tellClock();
    }
    this.#believes(false);
  }

  #believe(now: number): void {
    this.#believed = true;
    this.#probationMs = Math.min(RIGHT.mostMs, this.#probationMs * 2);
    const streams = this.#heard(now);
    this.#offset = leastDelay(streams);
    this.#followedAt = now;
    for (const { layer } of streams) {
      layer.mediaClock.believe(this.#offset);
      layer.tellClock();
    }
    this.#believes(true);
  }
}

function count(stream: Stream, right: boolean, now: number): void {
  const run = right ? stream.right : stream.wrong;
  if (run === 0) stream.since = now;
  stream.right = right ? run + 1 : 0;
  stream.wrong = right ? 0 : run + 1;
}

function leastDelay(streams: Stream[]): number {
  return Math.min(...streams.map(({ layer }) => delayOf(layer)));
}

/** From the sender's time of a packet to ours of its arrival, when it is as fast as any; ms. */
function delayOf({ mediaClock, headTimestamp }: Layer): number {
  return mediaClock.arrivals.timeOf(headTimestamp)! - mediaClock.reports.timeOf(headTimestamp)!;
}
