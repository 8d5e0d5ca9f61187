import type { AudioSource, VideoSource } from '../../media/index.js';
import { MissingPictures } from './missing-pictures.js';

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

/** Counts of one span of media time. */
type Span = { ms: number; videoBytes: number; audioBytes: number; frames: number };

/** Measures a timeline as it passes. Rates are over media time: held-back or bursty delivery does not change them. */
export class SourceMeter {
  #spans: Span[] = [];
  #span: Span = { ms: 0, videoBytes: 0, audioBytes: 0, frames: 0 };
  #spanStart = 0;
  #keyframeAt: number | undefined;
  #intervals: number[] = [];
  #compositionTime: number | undefined;
  #bFrames: boolean | undefined;
  #frames = 0;
  #news = false;
  readonly #missing = new MissingPictures();

  /** @param timestamp ms on the timeline. */
  audio(timestamp: number, bytes: number): void {
    this.#advance(timestamp);
    this.#span.audioBytes += bytes;
  }

  video(timestamp: number, bytes: number, keyframe: boolean, compositionTime: number): void {
    this.#advance(timestamp);
    this.#span.videoBytes += bytes;
    this.#span.frames++;
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
    const measured: Measured = { video: {}, audio: {} };
    const total: Span = { ms: 0, videoBytes: 0, audioBytes: 0, frames: 0 };
    for (const span of this.#spans) {
      total.ms += span.ms;
      total.videoBytes += span.videoBytes;
      total.audioBytes += span.audioBytes;
      total.frames += span.frames;
    }
    if (total.ms > 0) {
      measured.video.bitrate = Math.round((total.videoBytes * 8_000) / total.ms);
      measured.audio.bitrate = Math.round((total.audioBytes * 8_000) / total.ms);
      // One span is too short to tell 29.97 from 30, and the first may be a burst.
      if (this.#spans.length > 1) measured.video.frameRate = (total.frames * 1_000) / total.ms;
    }
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
    this.#span = { ms: 0, videoBytes: 0, audioBytes: 0, frames: 0 };
    this.#spanStart = timestamp;
  }
}
