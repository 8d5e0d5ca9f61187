import type { Clock } from '../../../platform/index.js';
import type { Layer } from './layer.js';
import type { MediaMoment } from './media-moment.js';

/** Reports of one stream are so exact: their sender reads two clocks one after the other, ms. */
const REPORT_JITTER_MS = 60;
/** What is guessed of a clock that stood still is so exact, ms. */
const STOP_TOLERANCE_MS = 200;
/** Sound and picture that were made at the same time arrive so far apart, when the network is at its best, ms. */
const ALIGNMENT_MS = 500;
/** So late may packets be by the first reports, when the network is busy with the first pictures, ms. */
const MAXIMUM_INITIAL_DELAY_MS = 2000;
/** Two clocks drift apart; ours follows the sender's by so much, ms in a ms. */
const MAXIMUM_DRIFT = 0.0005;
/** A sender is not believed any more after so many wrong reports of a stream in a row, over such a time. */
const DISTRUST_AFTER = { reports: 3, ms: 5000 } as const;
/** It is believed again when so many of each stream in a row are right, over such a time: longer after each failure. */
const TRUST_AFTER = { reports: 3, ms: 10_000, mostMs: 600_000 } as const;
/** Two reports that both say that the sender's clock was set come within this time, ms. */
const STEP_CONFIRMATION_MS = 15_000;
/** No clock is set twice within this time, ms. */
const STEP_SPACING_MS = 60_000;
/** A stream that does not report for so long has no say, ms. */
const REPORT_TIMEOUT_MS = 30_000;
/** Who reads a stream is told when its clock moves by more, ms. */
const SIGNIFICANT_CHANGE_MS = 20;

/** A stream, and how many of its latest reports in a row were wrong, or right, since when. */
type Stream = {
  layer: Layer;
  reportedAt: number;
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
  readonly #onTrustChanged: (believed: boolean) => void;
  readonly #streams = new Map<Layer, Stream>();
  /** Our time is so much later than the sender's, ms; undefined before the first report. */
  #offsetMs: number | undefined;
  #driftFollowedAt = 0;
  #trusted = true;
  #probationMs: number = TRUST_AFTER.ms;
  /** How much later than expected the last wrong report was. */
  #suspectedStep: { deviation: number; at: number } | undefined;
  #steppedAt = Number.NEGATIVE_INFINITY;

  /** @param believes told when the sender is not believed any more, and when it is again. */
  constructor(clock: Clock, believes: (believed: boolean) => void) {
    this.#clock = clock;
    this.#onTrustChanged = believes;
  }

  /** A report of a stream has come: its time is Unix ms by the sender's clock. */
  applyReport(layer: Layer, report: MediaMoment): void {
    const { mediaClock } = layer;
    const now = layer.unixTimeOf(this.#clock.monotonic());
    const before = mediaClock.timeOf(report.timestamp);
    const stream = this.#streamOf(layer, now);
    // Of a stream that has stopped nothing shows whether what is said of it is right.
    if (layer.head === stream.head) return;
    stream.head = layer.head;
    if (this.#offsetMs === undefined) {
      this.#offsetMs = now - report.time;
      this.#driftFollowedAt = now;
    }
    const right = this.#acceptReport(layer, report, now) && this.#isAligned(layer, now);
    countReport(stream, right, now);
    if (this.#trusted) {
      this.#applyToStreams(layer, now);
      if (stream.wrong >= DISTRUST_AFTER.reports && now - stream.since >= DISTRUST_AFTER.ms) this.#distrust();
    } else if (this.#reportingStreams(now).every((one) => this.#hasPassedProbation(one, now)))
      this.#trust(now);
    const after = mediaClock.timeOf(report.timestamp);
    if (before === undefined || after === undefined || Math.abs(after - before) >= SIGNIFICANT_CHANGE_MS)
      layer.notifyClockChanged();
  }

  #streamOf(layer: Layer, now: number): Stream {
    let stream = this.#streams.get(layer);
    if (!stream || !layer.mediaClock.reports.known) {
      stream = { layer, reportedAt: now, head: -1, wrong: 0, right: 0, since: now };
      this.#streams.set(layer, stream);
    }
    stream.reportedAt = now;
    return stream;
  }

  /** Whether a report agrees with what is known; then it adds to that. */
  #acceptReport({ mediaClock }: Layer, report: MediaMoment, now: number): boolean {
    const { reports, arrivals } = mediaClock;
    const deviation = reports.deviationMs(report);
    if (!reports.known) {
      reports.restartFrom(report);
      return true;
    }
    if (Math.abs(deviation) <= REPORT_JITTER_MS) {
      if (reports.assumedStopMs > 0) mediaClock.excuseLateness();
      reports.addReport(report);
      this.#suspectedStep = undefined;
      return true;
    }
    if (reports.assumedStopMs > 0 && Math.abs(deviation - reports.assumedStopMs) <= STOP_TOLERANCE_MS) {
      reports.restartFrom(report);
      return true;
    }
    const late = arrivals.latenessMs(now);
    if (Math.abs(late - deviation) < late) {
      // Packets are less late by it: the stream's clock stood still.
      arrivals.shift(deviation);
      reports.restartFrom(report);
      return true;
    }
    if (this.#confirmsStep(deviation, now)) {
      this.#stepClock(deviation, now);
      reports.addReport(report);
      return true;
    }
    this.#suspectedStep = { deviation, at: now };
    if (!this.#trusted) reports.restartFrom(report);
    return false;
  }

  /** Whether another report has just said the same. */
  #confirmsStep(deviation: number, now: number): boolean {
    const claim = this.#suspectedStep;
    return (
      claim !== undefined &&
      now - claim.at <= STEP_CONFIRMATION_MS &&
      now - this.#steppedAt > STEP_SPACING_MS &&
      Math.abs(deviation - claim.deviation) <= REPORT_JITTER_MS
    );
  }

  #stepClock(ms: number, now: number): void {
    this.#steppedAt = now;
    this.#suspectedStep = undefined;
    this.#offsetMs! -= ms;
    for (const { mediaClock } of this.#streams.keys()) {
      mediaClock.reports.shift(ms);
      if (mediaClock.exact) mediaClock.trustReports(this.#offsetMs!);
    }
  }

  /** Whether by the reports what arrives at the same time was made at about the same time, in all streams. */
  #isAligned(layer: Layer, now: number): boolean {
    const delay = delayMs(layer);
    return this.#reportingStreams(now).every(
      (other) => Math.abs(delayMs(other.layer) - delay) <= ALIGNMENT_MS,
    );
  }

  /** Has the reports count of all streams or, as long as one of them is new and not plausible, of none. */
  #applyToStreams(reporting: Layer, now: number): void {
    const streams = this.#reportingStreams(now);
    const isOld = streams.every(({ right }) => right >= TRUST_AFTER.reports);
    // Reports that agree with each other for long enough say how sound and picture belong together, whenever that was.
    if (isOld && streams.every(({ layer }) => !layer.mediaClock.exact))
      this.#offsetMs = leastDelayMs(streams);
    const offset = this.#followDrift(streams, now);
    const plausible =
      isOld || streams.every(({ layer }) => Math.abs(delayMs(layer) - offset) <= MAXIMUM_INITIAL_DELAY_MS);
    for (const { layer } of streams) {
      const { mediaClock } = layer;
      const { exact } = mediaClock;
      if (plausible) mediaClock.trustReports(offset);
      else mediaClock.distrustReports();
      if (mediaClock.exact !== exact && layer !== reporting) layer.notifyClockChanged();
    }
  }

  /** Our time of the sender's: by the packets that come fastest, and slowly, as all streams move with it. */
  #followDrift(streams: Stream[], now: number): number {
    const most = (now - this.#driftFollowedAt) * MAXIMUM_DRIFT;
    this.#driftFollowedAt = now;
    this.#offsetMs! += Math.max(-most, Math.min(most, leastDelayMs(streams) - this.#offsetMs!));
    return this.#offsetMs!;
  }

  #reportingStreams(now: number): Stream[] {
    return [...this.#streams.values()].filter(
      ({ layer, reportedAt }) => now - reportedAt < REPORT_TIMEOUT_MS && layer.mediaClock.reports.known,
    );
  }

  #hasPassedProbation({ right, since }: Stream, now: number): boolean {
    return right >= TRUST_AFTER.reports && now - since >= this.#probationMs;
  }

  #distrust(): void {
    this.#trusted = false;
    for (const stream of this.#streams.values()) {
      stream.right = 0;
      stream.layer.mediaClock.distrustReports();
      stream.layer.notifyClockChanged();
    }
    this.#onTrustChanged(false);
  }

  #trust(now: number): void {
    this.#trusted = true;
    this.#probationMs = Math.min(TRUST_AFTER.mostMs, this.#probationMs * 2);
    const streams = this.#reportingStreams(now);
    this.#offsetMs = leastDelayMs(streams);
    this.#driftFollowedAt = now;
    for (const { layer } of streams) {
      layer.mediaClock.trustReports(this.#offsetMs);
      layer.notifyClockChanged();
    }
    this.#onTrustChanged(true);
  }
}

function countReport(stream: Stream, right: boolean, now: number): void {
  const run = right ? stream.right : stream.wrong;
  if (run === 0) stream.since = now;
  stream.right = right ? run + 1 : 0;
  stream.wrong = right ? 0 : run + 1;
}

function leastDelayMs(streams: Stream[]): number {
  return Math.min(...streams.map(({ layer }) => delayMs(layer)));
}

/** From the sender's time of a packet to ours of its arrival, when it is as fast as any; ms. */
function delayMs({ mediaClock, headTimestamp }: Layer): number {
  return mediaClock.arrivals.timeOf(headTimestamp)! - mediaClock.reports.timeOf(headTimestamp)!;
}
