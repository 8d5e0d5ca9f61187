import { type AudioSource, SourceCounters, type VideoSource } from '../../media/index.js';
import { finiteWithin } from '../../platform/index.js';
import { MissingFrames } from './missing-frames.js';

/** Measured properties; absent until enough frames have arrived. */
export type Measured = {
  video: Pick<VideoSource, 'frameRate' | 'bitrate' | 'keyframeInterval' | 'droppedFrames' | 'bFrames'>;
  audio: Pick<AudioSource, 'bitrate'>;
};

/** Bit and frame rates are averages over this many spans of media time. */
const SPAN_MS = 1_000;
const MAXIMUM_SPANS = 5;
/** Number of keyframe intervals whose maximum is reported. */
const MAXIMUM_INTERVALS = 4;
/** Frames with one composition time after which B-frames are ruled out. */
const FRAMES_IN_ORDER = 8;

/** Interval above which a gap is a pause and left out of the frame rate, ms. */
const PAUSE_MS = 1_000;
/** Valid frame rates, frames per second. */
export const FRAME_RATE = { min: 1, max: 300 } as const;

/** Counts of one span of media time. `videoMs` sums frame intervals without pauses. */
type Span = { ms: number; audioBytes: number; videoMs: number; videoBytes: number; frames: number };

function emptySpan(): Span {
  return { ms: 0, audioBytes: 0, videoMs: 0, videoBytes: 0, frames: 0 };
}

/** Measures a timeline. Rates use media time, so that bursty delivery does not change them. */
export class SourceMeter {
  #spans: Span[] = [];
  #span = emptySpan();
  #spanStart = 0;
  #frameAt: number | undefined;
  #keyframeAt: number | undefined;
  #intervals: number[] = [];
  #compositionTime: number | undefined;
  #bFrames: boolean | undefined;
  #frames = 0;
  /** Last measured values, kept while the video pauses. */
  #video: Pick<VideoSource, 'frameRate' | 'bitrate'> = {};
  #audio: Measured['audio'] = {};
  #changed = false;
  readonly #missingFrames = new MissingFrames();
  readonly #counters: SourceCounters;

  /** @param counters of the publication */
  constructor(counters = new SourceCounters()) {
    this.#counters = counters;
  }

  /** @param timestamp ms on the timeline. */
  audio(timestamp: number, bytes: number): void {
    this.#advance(timestamp);
    this.#span.audioBytes += bytes;
  }

  video(timestamp: number, bytes: number, keyframe: boolean, compositionTime: number): void {
    this.#advance(timestamp);
    this.#countFrame(timestamp, bytes);
    const missing = this.#missingFrames.count ?? 0;
    this.#missingFrames.addFrame(timestamp);
    this.#counters.droppedPictures += (this.#missingFrames.count ?? 0) - missing;
    this.#counters.irregularFrameRate = this.#missingFrames.irregular;
    this.#counters.sinceKeyframeMs = timestamp - (this.#keyframeAt ?? timestamp);
    this.#frames++;
    if (this.#compositionTime === undefined) this.#compositionTime = compositionTime;
    else if (this.#compositionTime !== compositionTime) this.#setBFrames(true);
    if (this.#frames === FRAMES_IN_ORDER) this.#setBFrames(this.#bFrames ?? false);
    if (!keyframe) return;
    if (this.#keyframeAt !== undefined && timestamp > this.#keyframeAt) {
      this.#intervals.push(timestamp - this.#keyframeAt);
      this.#counters.countKeyframeInterval(timestamp - this.#keyframeAt);
      if (this.#intervals.length > MAXIMUM_INTERVALS) this.#intervals.shift();
      this.#changed = true;
    }
    this.#keyframeAt = timestamp;
  }

  /** Returns the values of the complete spans. */
  read(): Measured {
    const measured: Measured = { video: { ...this.#video }, audio: { ...this.#audio } };
    if (this.#intervals.length > 0) measured.video.keyframeInterval = Math.max(...this.#intervals) / 1_000;
    const droppedFrames = this.#missingFrames.count;
    if (droppedFrames !== undefined) measured.video.droppedFrames = droppedFrames;
    if (this.#bFrames !== undefined) measured.video.bFrames = this.#bFrames;
    return measured;
  }

  /** Returns whether a property other than a bit rate has changed since the last call. */
  takeChanged(): boolean {
    const changed = this.#changed;
    this.#changed = false;
    return changed;
  }

  /** Computes rates over the complete spans. */
  #measure(): void {
    const total = emptySpan();
    for (const span of this.#spans) {
      total.ms += span.ms;
      total.audioBytes += span.audioBytes;
      total.videoMs += span.videoMs;
      total.videoBytes += span.videoBytes;
      total.frames += span.frames;
    }
    if (total.ms > 0) this.#audio.bitrate = Math.round((total.audioBytes * 8_000) / total.ms);
    if (total.videoMs > 0) this.#video.bitrate = Math.round((total.videoBytes * 8_000) / total.videoMs);
    // One span is too short to tell 29.97 from 30, and the first may be a burst.
    if (this.#spans.length > 1 && total.videoMs >= SPAN_MS) {
      const counted = (total.frames * 1_000) / total.videoMs;
      const frameRate = finiteWithin(counted, FRAME_RATE.min, FRAME_RATE.max, undefined);
      if (frameRate !== undefined) this.#video.frameRate = frameRate;
    }
  }

  #countFrame(timestamp: number, bytes: number): void {
    const distanceMs = timestamp - (this.#frameAt ?? Number.NEGATIVE_INFINITY);
    this.#frameAt = timestamp;
    if (distanceMs > PAUSE_MS) {
      // The interval with the pause is not that of the keyframes.
      this.#keyframeAt = undefined;
      return;
    }
    this.#span.videoMs += distanceMs;
    this.#span.videoBytes += bytes;
    this.#span.frames++;
  }

  #setBFrames(has: boolean): void {
    if (this.#bFrames === has) return;
    this.#bFrames = has;
    this.#changed = true;
  }

  #advance(timestamp: number): void {
    const ms = timestamp - this.#spanStart;
    if (ms < SPAN_MS) return;
    this.#span.ms = ms;
    this.#spans.push(this.#span);
    if (this.#spans.length > MAXIMUM_SPANS) this.#spans.shift();
    else if (this.#spans.length > 1) this.#changed = true;
    this.#span = emptySpan();
    this.#spanStart = timestamp;
    this.#measure();
  }
}
