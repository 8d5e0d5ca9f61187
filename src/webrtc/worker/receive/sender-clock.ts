import type { Clock } from '../../../platform/index.js';
import type { Layer } from './layer.js';
import type { MediaMoment } from './media-moment.js';

/** Accuracy of a stream's reports, ms: the sender reads two clocks in sequence. */
const REPORT_JITTER_MS = 60;
/** Accuracy of the assumed length of a clock stop, ms. */
const STOP_TOLERANCE_MS = 200;
/** Largest difference of delay between streams that are plausibly aligned, ms. */
const ALIGNMENT_MS = 500;
/** Largest plausible delay by the first reports, ms: initial video keyframes congest the network. */
const MAXIMUM_INITIAL_DELAY_MS = 2000;
/** Rate at which the offset follows the sender's clock, ms per ms. */
const MAXIMUM_DRIFT = 0.0005;
/** Consecutive wrong reports of a stream, over this time, after which a sender is not trusted. */
const DISTRUST_AFTER = { reports: 3, ms: 5000 } as const;
/**
 * Consecutive right reports of each stream, over this time, after which a sender is trusted again; doubled after each
 * failure.
 */
const TRUST_AFTER = { reports: 3, ms: 10_000, mostMs: 600_000 } as const;
/** Time within which a second report must confirm a clock step, ms. */
const STEP_CONFIRMATION_MS = 15_000;
/** Minimum interval between clock steps, ms. */
const STEP_SPACING_MS = 60_000;
/** Time without reports after which a stream is disregarded, ms. */
const REPORT_TIMEOUT_MS = 30_000;
/** Change of the clock above which readers are notified, ms. */
const SIGNIFICANT_CHANGE_MS = 20;

/** Stream with its count of consecutive wrong or right reports, and their start. */
type Stream = {
  layer: Layer;
  reportedAt: number;
  /** The layer's highest sequence number at the last report. */
  head: number;
  wrong: number;
  right: number;
  since: number;
};

/**
 * Validates the sender reports of one sender. A correct report agrees with earlier ones to a few ms, independent of
 * the network. It deviates when the stream's clock had stopped, which packet arrivals confirm, or when the sender's
 * clock was stepped, which a second report confirms. Other deviations are ignored; a sender that continues with them
 * is not trusted, and packet arrivals are used instead.
 *
 * All streams of a sender are moved to this machine's clock by the same offset, so they stay exactly aligned.
 */
export class SenderClock {
  readonly #clock: Clock;
  readonly #onTrustChanged: (trusted: boolean) => void;
  readonly #streams = new Map<Layer, Stream>();
  /** Offset from the sender's time to ours, ms; undefined before the first report. */
  #offsetMs: number | undefined;
  #driftFollowedAt = 0;
  #trusted = true;
  #probationMs: number = TRUST_AFTER.ms;
  /** Deviation of the last wrong report, ms. */
  #suspectedStep: { deviationMs: number; at: number } | undefined;
  #steppedAt = Number.NEGATIVE_INFINITY;

  /** @param onTrustChanged called when trust in the sender changes. */
  constructor(clock: Clock, onTrustChanged: (trusted: boolean) => void) {
    this.#clock = clock;
    this.#onTrustChanged = onTrustChanged;
  }

  /** Takes a report of a stream; its time is Unix ms by the sender's clock. */
  applyReport(layer: Layer, report: MediaMoment): void {
    const { mediaClock } = layer;
    const now = layer.unixTimeOf(this.#clock.monotonic());
    const before = mediaClock.timeOf(report.timestamp);
    const stream = this.#streamOf(layer, now);
    // Without new packets a report cannot be verified.
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

  /** Adds a report that agrees with earlier ones or is explained. @returns whether it does */
  #acceptReport({ mediaClock }: Layer, report: MediaMoment, now: number): boolean {
    const { reports, arrivals } = mediaClock;
    const deviationMs = reports.deviationMs(report);
    if (!reports.known) {
      reports.restartFrom(report);
      return true;
    }
    if (Math.abs(deviationMs) <= REPORT_JITTER_MS) {
      if (reports.assumedStopMs > 0) mediaClock.excuseLateness(reports.assumedStopMs);
      reports.addReport(report);
      this.#suspectedStep = undefined;
      return true;
    }
    const { assumedStopMs } = reports;
    if (assumedStopMs > 0 && deviationMs > 0 && deviationMs <= assumedStopMs + STOP_TOLERANCE_MS) {
      // The rest of the assumed stop was delay.
      if (deviationMs < assumedStopMs) mediaClock.excuseLateness(assumedStopMs - deviationMs);
      reports.restartFrom(report);
      return true;
    }
    const lateMs = arrivals.latenessMs(now);
    if (Math.abs(lateMs - deviationMs) < lateMs) {
      // The deviation explains the lateness: the stream's clock had stopped.
      arrivals.shift(deviationMs);
      reports.restartFrom(report);
      return true;
    }
    if (this.#confirmsStep(deviationMs, now)) {
      this.#stepClock(deviationMs, now);
      reports.addReport(report);
      return true;
    }
    this.#suspectedStep = { deviationMs, at: now };
    if (!this.#trusted) reports.restartFrom(report);
    return false;
  }

  /** Whether a recent report has shown the same step. */
  #confirmsStep(deviationMs: number, now: number): boolean {
    const suspected = this.#suspectedStep;
    return (
      suspected !== undefined &&
      now - suspected.at <= STEP_CONFIRMATION_MS &&
      now - this.#steppedAt > STEP_SPACING_MS &&
      Math.abs(deviationMs - suspected.deviationMs) <= REPORT_JITTER_MS
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

  /** Whether the delays of all streams agree by their reports. */
  #isAligned(layer: Layer, now: number): boolean {
    const delay = delayMs(layer);
    return this.#reportingStreams(now).every(
      (other) => Math.abs(delayMs(other.layer) - delay) <= ALIGNMENT_MS,
    );
  }

  /** Uses reports in all streams, or in none while one of them is new and implausible. */
  #applyToStreams(reporting: Layer, now: number): void {
    const streams = this.#reportingStreams(now);
    const isOld = streams.every(({ right }) => right >= TRUST_AFTER.reports);
    // Reports that agree for long enough define the alignment of audio and video.
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

  /** Moves the offset slowly towards the smallest delay, as all streams move with it. */
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

/** Returns the delay from the sender's time of a packet to its earliest arrival, ms. */
function delayMs({ mediaClock, headTimestamp }: Layer): number {
  return mediaClock.arrivals.timeOf(headTimestamp)! - mediaClock.reports.timeOf(headTimestamp)!;
}
