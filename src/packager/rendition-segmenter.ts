import {
  AAC_FRAME_SAMPLES,
  type Sample,
  silentAacFrame,
  type TrackInit,
  writeFragment,
} from '../media/index.js';
import { finiteWithin, HeadendError } from '../platform/index.js';
import type { Rendition, SlateReason } from '../streams/index.js';
import { MAXIMUM_FRAME_S, MINIMUM_FRAME_S, partTargetS } from './part-timing.js';
import type { RenditionWindow } from './rendition-window.js';
import type { Cut, SegmentGrid } from './segment-grid.js';

/** Time (s) that a rendition without a keyframe at the common cut waits for its own. */
const LATE_KEYFRAME_S = 0.5;
/** Maximum gap (s) that lengthens the previous frame; a larger one remains a gap. */
const MAXIMUM_STRETCH_S = 0.1;
/** Maximum overlap (s) with the previous sample. Samples within it are dropped. */
const MAXIMUM_BACKWARD_STEP_S = 1;
/** Maximum duration of a segment (s): beyond it keyframes have stopped. */
export const MAXIMUM_SEGMENT_S = 60;
/** Maximum delay (s) by reordering that is believed. */
const MAXIMUM_REORDERING_S = 0.5;
/** Maximum samples and bytes of a part: beyond them timestamps do not advance. */
const MAXIMUM_PART_SAMPLES = 2000;
const MAXIMUM_PART_BYTES = 32 * 2 ** 20;
/** Maximum missing audio (s) that is filled with silence: a publisher's timestamps may be hours apart. */
const MAXIMUM_SILENCE_S = 10;
/** RFC 6381: AAC-LC. */
const AAC_LC = 'mp4a.40.2';
/** Sample flags (ISO/IEC 14496-12, 8.8.3.1): sample_depends_on = 2, independent. */
const INDEPENDENT_FLAGS = 0x0200_0000;
/** Duration (s) of a frame whose duration is unknown. */
const DEFAULT_FRAME_S = 1 / 30;

/** Limits and callbacks of a broadcast, the same for all renditions of a run. */
export type SegmentOutput = {
  /** Maximum bytes of a segment. */
  segmentBytes: number;
  /** Unix ms of a time (s) on the broadcast's timeline. */
  wallTimeMs(seconds: number): number;
  published(window: RenditionWindow): void;
  /** Reports, once per run, a rendition without keyframes at the common cuts. */
  misaligned(window: RenditionWindow): void;
};

export type SegmenterContext = SegmentOutput & {
  grid: SegmentGrid;
  runIndex: number;
  /** The run shows a slate. */
  slate: SlateReason | undefined;
  /** Seconds to add to the run's times; known after the run's first cut. */
  offset(): number;
};

/** Packages one rendition of an encoder run: samples into parts, parts into segments. */
export class RenditionSegmenter {
  readonly rendition: Rendition;
  readonly init: TrackInit;
  readonly window: RenditionWindow;
  /** A sample has arrived. */
  hasReceived = false;
  readonly #context: SegmenterContext;
  /** Timescale in Hz. */
  readonly #scale: number;
  #cut: Cut | undefined;
  /** Start (ticks) of the segment by decode times; parts are measured from it. */
  #anchor = 0;
  /** End of the last part, in seconds from the anchor. */
  #partEnd = 0;
  #samples: Sample[] = [];
  #duration = 0;
  #bytes = 0;
  /** End of the last added sample, ticks of the run. */
  #end: number | undefined;
  /** End of presentation of all added samples, ticks of the run. */
  #presentationEnd = Number.NEGATIVE_INFINITY;
  #misaligned = false;
  /** Composition offset of the newest keyframe, ticks. */
  #reordering = 0;
  /** AAC frame of silence and its duration in ticks; undefined for other codecs. */
  readonly #silentFrame: { data: Buffer; duration: number } | undefined;

  constructor(rendition: Rendition, init: TrackInit, window: RenditionWindow, context: SegmenterContext) {
    this.rendition = rendition;
    this.init = init;
    this.window = window;
    this.#context = context;
    this.#scale = init.timescale;
    const data = init.kind === 'audio' && init.codec === AAC_LC ? silentAacFrame(init.channels) : undefined;
    if (init.kind === 'audio' && data)
      this.#silentFrame = { data, duration: (AAC_FRAME_SAMPLES * init.timescale) / init.sampleRate };
  }

  /** Presentation time in seconds of the run's timeline. */
  pts(sample: Sample): number {
    return (sample.decodeTime + sample.compositionOffset) / this.#scale;
  }

  /**
   * Presentation time (s) before which no keyframe can follow the sample: its end in decode order, and the reordering delay
   * that the keyframe before it had.
   */
  decidedUntil(sample: Sample): number {
    if (sample.sync) this.#reordering = sample.compositionOffset;
    const delay = Math.min(Math.max(this.#reordering, 0), MAXIMUM_REORDERING_S * this.#scale);
    return (sample.decodeTime + sample.duration + delay) / this.#scale;
  }

  /** Seconds, from 1/300 to 1. */
  frame(sample: Sample): number {
    const duration = Math.min(MAXIMUM_FRAME_S, sample.duration / this.#scale);
    return finiteWithin(duration, MINIMUM_FRAME_S, MAXIMUM_FRAME_S, DEFAULT_FRAME_S);
  }

  /** Current segment. */
  get cut(): Cut | undefined {
    return this.#cut;
  }

  /** End of presentation of all added samples, seconds of the run's timeline; -Infinity before the first. */
  get presentationEnd(): number {
    return this.#seconds(this.#presentationEnd);
  }

  /** Whether a segment is in the playlist. */
  lists(msn: number): boolean {
    const { last } = this.window;
    return last !== undefined && last.msn >= msn;
  }

  place(sample: Sample): void {
    if (!this.#cut) this.#fillStart(sample);
    this.#place(sample);
  }

  /**
   * Fills missing audio up to `end` (s) with silence: players follow the video's segments and wait for missing audio.
   */
  fillUntil(end: number): void {
    const { first } = this.#context.grid;
    if (!this.#silentFrame || !first) return;
    const from = this.#end ?? first.pts * this.#scale;
    this.#addSilence(from, Math.round((end * this.#scale - from) / this.#silentFrame.duration));
  }

  /** Drops unpublished samples of a last segment that not all renditions have. */
  discard(): void {
    this.#samples = [];
    this.#duration = 0;
    this.#bytes = 0;
  }

  #place(sample: Sample): void {
    const pts = this.pts(sample);
    const frame = this.frame(sample);
    const cut = this.#context.grid.at(pts + frame / 2);
    if (!cut) return;
    if (!this.#cut && this.#continues(cut, sample)) this.#continueSegment(cut);
    else if (!this.#cut || cut.msn > this.#cut.msn) {
      if (this.#mayBeginSegment(cut, sample, pts, frame)) this.#beginSegment(cut, sample, pts, frame);
    }
    if (this.#cut) this.#add(sample, frame);
  }

  /** Publishes the remaining samples; the segment stays open for a segmenter that continues it. */
  pause(): void {
    this.#flush();
    this.#cut = undefined;
  }

  /** Publishes the remaining samples and completes the segment at the end of a run. */
  finish(): void {
    this.#flush();
    this.#cut = undefined;
    if (this.window.start?.run !== this.#context.runIndex) return;
    this.window.completeSegment();
    this.#context.published(this.window);
  }

  /** Fills with silence before audio that starts after the video, so that both have the same segments. */
  #fillStart(sample: Sample): void {
    const { first } = this.#context.grid;
    if (!this.#silentFrame || !first) return;
    const { duration } = this.#silentFrame;
    const count = Math.floor((sample.decodeTime - first.pts * this.#scale) / duration);
    this.#addSilence(sample.decodeTime - count * duration, count);
  }

  /** @param from ticks */
  #addSilence(from: number, count: number): void {
    if (!this.#silentFrame) return;
    const { data, duration } = this.#silentFrame;
    if (this.#seconds(count * duration) > MAXIMUM_SILENCE_S) return;
    const frame = { duration, compositionOffset: 0, flags: INDEPENDENT_FLAGS, sync: true, data };
    for (let index = 0; index < count; index++)
      this.#place({ ...frame, decodeTime: Math.round(from + index * duration) });
  }

  /** Whether the sample continues the open segment of the same run, which another encoder began. */
  #continues(cut: Cut, sample: Sample): boolean {
    const { start } = this.window;
    return start?.run === this.#context.runIndex && start.msn === cut.msn && sample.sync;
  }

  #continueSegment(cut: Cut): void {
    this.#cut = cut;
    this.#anchor = cut.pts * this.#scale;
    this.#end = (this.window.end - this.#context.offset()) * this.#scale;
    this.#partEnd = this.#elapsed();
  }

  #mayBeginSegment(cut: Cut, sample: Sample, pts: number, frame: number): boolean {
    const late = pts - cut.pts;
    // In a new run every rendition begins with a whole segment, or nearly so.
    if (!this.#cut) {
      const isNearCut = late <= Math.max(frame, cut.partDurationS) / 2;
      return sample.sync && isNearCut && this.window.mayBegin(cut.msn);
    }
    if (sample.sync) return true;
    if (late < LATE_KEYFRAME_S) return false;
    if (!this.#misaligned) this.#context.misaligned(this.window);
    this.#misaligned = true;
    return true;
  }

  #beginSegment(cut: Cut, sample: Sample, pts: number, frame: number): void {
    this.#flush();
    const first = this.#cut === undefined;
    this.#cut = cut;
    this.#partEnd = 0;
    this.#anchor =
      this.init.kind === 'audio' ? cut.pts * this.#scale : sample.decodeTime - (sample.leadingTicks ?? 0);
    const { window } = this;
    window.partTargetS = Math.max(window.partTargetS, partTargetS(this.#context.grid.partDurationS, frame));
    window.beginSegment(
      {
        msn: cut.msn,
        run: this.#context.runIndex,
        slate: this.#context.slate,
        programDateTimeMs: this.#context.wallTimeMs(pts + this.#context.offset()),
        partDurationS: cut.partDurationS,
        minimumDurationS: cut.minimumDurationS,
        expectedDurationS: cut.expectedDurationS,
      },
      this.init,
    );
    // The previous segment is now complete.
    if (!first) this.#context.published(window);
  }

  #add(sample: Sample, frame: number): void {
    this.#endBeforePause(sample);
    this.#checkSegment(sample);
    const previous = this.#samples.at(-1);
    const gap = this.#end === undefined ? 0 : sample.decodeTime - this.#end;
    if (gap < -MAXIMUM_BACKWARD_STEP_S * this.#scale) {
      throw new HeadendError('media_time_backwards', `Time runs backwards in ${this.window.id}`);
    }
    // A replaced encoder primes with audio that was delivered before.
    if (!previous && this.init.kind === 'audio' && gap < -sample.duration / 2) return;
    if (gap !== 0 && previous) {
      if (gap > MAXIMUM_STRETCH_S * this.#scale) {
        this.#flush();
      } else {
        if (previous.duration + gap <= 0) return;
        previous.duration += gap;
        this.#duration += gap;
      }
    }
    if (
      this.#samples.length > 0 &&
      this.#seconds(this.#duration + sample.duration) > this.window.partTargetS
    ) {
      this.#flush();
    }
    this.#samples.push(sample);
    this.#duration += sample.duration;
    this.#bytes += sample.data.length;
    if (this.#samples.length > MAXIMUM_PART_SAMPLES || this.#bytes > MAXIMUM_PART_BYTES) {
      throw new HeadendError('part_too_large', `Too much in one part of ${this.window.id}`);
    }
    this.#end = sample.decodeTime + sample.duration;
    const delay = Math.min(Math.max(sample.compositionOffset, 0), MAXIMUM_REORDERING_S * this.#scale);
    this.#presentationEnd = Math.max(this.#presentationEnd, this.#end + delay);
    if (this.#elapsed() >= this.#boundary(frame) - frame / 2 - 1e-6) this.#flush();
  }

  /**
   * Limits a frame before a pause to one second and leaves the pause as a gap: it would otherwise raise PART-TARGET for
   * the rest of the broadcast.
   */
  #endBeforePause(sample: Sample): void {
    const longest = Math.round(Math.max(MAXIMUM_FRAME_S, this.window.partTargetS) * this.#scale);
    if (sample.duration > longest) sample.duration = longest;
  }

  #checkSegment(sample: Sample): void {
    const { last } = this.window;
    const written = last && this.window.start?.msn === last.msn ? last.bytes : 0;
    const duration = this.#seconds(sample.decodeTime + sample.duration - this.#anchor);
    if (duration <= MAXIMUM_SEGMENT_S && written + this.#bytes <= this.#context.segmentBytes) return;
    throw new HeadendError('segment_too_long', `Keyframes of ${this.window.id} have stopped coming`);
  }

  /** Returns the intended end of the current part, seconds from the anchor. */
  #boundary(frame: number): number {
    const cut = this.#cut!;
    const nominal = (Math.round(this.#partEnd / cut.partDurationS) + 1) * cut.partDurationS;
    // Audio knows the next cut: without this a single frame could remain after the last full part.
    const following = this.#context.grid.after(cut);
    const real = following && following.pts - cut.pts;
    return real !== undefined && Math.abs(real - nominal) <= frame ? real : nominal;
  }

  #elapsed(): number {
    return this.#seconds(this.#end! - this.#anchor);
  }

  #seconds(ticks: number): number {
    return ticks / this.#scale;
  }

  #flush(): void {
    const [first] = this.#samples;
    if (!first) return;
    const { window } = this;
    const offset = Math.round(this.#context.offset() * this.#scale);
    // Rounding must not place it before the end of published media.
    const decodeTime = Math.max(first.decodeTime + offset, Math.ceil(window.end * this.#scale - 1e-3));
    const duration = this.#seconds(this.#duration);
    const data = writeFragment({
      trackId: this.init.trackId,
      sequence: window.nextSequence(),
      decodeTime,
      samples: this.#samples,
    });
    const durationS = duration + this.#seconds(first.leadingTicks ?? 0);
    window.addPart({ data, durationS, independent: first.sync }, this.#samples.length);
    window.end = decodeTime / this.#scale + duration;
    const movedTicks = decodeTime - first.decodeTime;
    window.presentationEnd = Math.max(window.end, this.#seconds(this.#presentationEnd + movedTicks));
    this.#partEnd = this.#elapsed();
    this.#samples = [];
    this.#duration = 0;
    this.#bytes = 0;
    this.#context.published(window);
  }
}
