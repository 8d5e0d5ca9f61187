import type { AudioSource, VideoSource } from '../../media/index.js';
import { finiteWithin } from '../../platform/index.js';
import { MissingFrames } from './missing-frames.js';

/** What was found out by counting. Fields are absent until enough was seen. */
export type Measured = {
  video: Pick<VideoSource, 'frameRate' | 'bitrate' | 'keyframeInterval' | 'droppedFrames' | 'bFrames'>;
  audio: Pick<AudioSource, 'bitrate'>;
};

/** Bit and frame rates are averages over so many spans of so many ms of media time. */
const SPAN_MS = 1_000;
const SPANS = 5;
/** The longest of so many keyframe intervals counts. */
const INTERVALS = 4;
/** So many frames shown in the order in which they came say that there are no B-frames. */
const FRAMES_IN_ORDER = 8;

/** Frames further apart than this, in ms, have a pause between them, which says nothing about the frame rate. */
const PAUSE_MS = 1_000;
/** Frames per second that a source may have: outside of it timestamps make no sense. */
export const FRAME_RATE = { min: 1, max: 300 } as const;

/** Counts of one span of media time. Frames are counted with the time since the frame before them, without pauses. */
type Span = { ms: number; audioBytes: number; videoMs: number; videoBytes: number; frames: number };

function emptySpan(): Span {
  return { ms: 0, audioBytes: 0, videoMs: 0, videoBytes: 0, frames: 0 };
}

/** Measures a timeline as it passes. Rates are over media time: held-back or bursty delivery does not change them. */
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
  /** Measured last: they stay while the video pauses. */
  #video: Pick<VideoSource, 'frameRate' | 'bitrate'> = {};
  #audio: Measured['audio'] = {};
  #news = false;
  readonly #missing = new MissingFrames();

  /** @param timestamp ms on the timeline. */
  audio(timestamp: number, bytes: number): void {
    this.#advance(timestamp);
    this.#span.audioBytes += bytes;
  }

  video(timestamp: number, bytes: number, keyframe: boolean, compositionTime: number): void {
    this.#advance(timestamp);
    this.#countFrame(timestamp, bytes);
    this.#missing.see(timestamp);
    this.#frames++;
    if (this.#compositionTime === undefined) this.#compositionTime = compositionTime;
    else if (this.#compositionTime !== compositionTime) this.#tellBFrames(true);
    if (this.#frames === FRAMES_IN_ORDER) this.#tellBFrames(this.#bFrames ?? false);
    if (!keyframe) return;
    if (this.#keyframeAt !== undefined && timestamp > this.#keyframeAt) {
      this.#intervals.push(timestamp - this.#keyframeAt);
      if (this.#intervals.length > INTERVALS) this.#intervals.shift();
      this.#news = true;
    }
    this.#keyframeAt = timestamp;
  }

  /** Counts the spans that are whole. */
  read(): Measured {
    const measured: Measured = { video: { ...this.#video }, audio: { ...this.#audio } };
    if (this.#intervals.length > 0) measured.video.keyframeInterval = Math.max(...this.#intervals) / 1_000;
    const droppedFrames = this.#missing.count;
    if (droppedFrames !== undefined) measured.video.droppedFrames = droppedFrames;
    if (this.#bFrames !== undefined) measured.video.bFrames = this.#bFrames;
    return measured;
  }

  /** Whether something other than a bit rate was found out since the last call. */
  takeNews(): boolean {
    const news = this.#news;
    this.#news = false;
    return news;
  }

  /** Rates over the spans that are whole. */
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
    if (distanceMs > PAUSE_MS) return;
    this.#span.videoMs += distanceMs;
    this.#span.videoBytes += bytes;
    this.#span.frames++;
  }

  #tellBFrames(has: boolean): void {
    if (this.#bFrames === has) return;
    this.#bFrames = has;
    this.#news = true;
  }

  #advance(timestamp: number): void {
    const ms = timestamp - this.#spanStart;
    if (ms < SPAN_MS) return;
    this.#span.ms = ms;
    this.#spans.push(this.#span);
    if (this.#spans.length > SPANS) this.#spans.shift();
    else if (this.#spans.length > 1) this.#news = true;
    this.#span = emptySpan();
    this.#spanStart = timestamp;
    this.#measure();
  }
}
