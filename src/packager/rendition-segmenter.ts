import {
  AAC_FRAME_SAMPLES,
  type Sample,
  silentAacFrame,
  type TrackInit,
  writeFragment,
} from '../media/index.js';
import { finiteWithin, HeadendError } from '../platform/index.js';
import type { Rendition } from '../streams/index.js';
import { LONGEST_FRAME_S, partTarget, SHORTEST_FRAME_S } from './part-timing.js';
import type { RenditionWindow } from './rendition-window.js';
import type { Cut, SegmentGrid } from './segment-grid.js';

/** A rendition without a keyframe where the others cut waits so long (s) for its own. */
const LATE_KEYFRAME = 0.5;
/** A hole in the timestamps up to this (s) makes the frame before it longer; a larger one is left open. */
const LONGEST_STRETCH = 0.1;
/** Samples may come earlier (s) than the end of the one before them by mistake; they are left out. */
const FURTHEST_BACK = 1;
/** A segment longer than this (s) means that keyframes have stopped coming. */
export const LONGEST_SEGMENT = 60;
/** A part with more samples or bytes than this never ends: the times do not move. */
const MOST_SAMPLES = 2000;
const MOST_BYTES = 32 * 2 ** 20;
/** Sound that is missing for longer (s) is not made up for: a publisher's times may be hours apart. */
const LONGEST_SILENCE = 10;
/** As in RFC 6381: AAC-LC. */
const AAC_LC = 'mp4a.40.2';
/** Sample flags (ISO/IEC 14496-12, 8.8.3.1): it depends on no other sample. */
const INDEPENDENT = 0x0200_0000;
/** A frame of unknown duration. */
const USUAL_FRAME = 1 / 30;

export type SegmenterContext = {
  grid: SegmentGrid;
  runIndex: number;
  /** Bytes that one segment may have. */
  segmentBytes: number;
  /** Seconds to add to the run's times; known from the run's first cut on. */
  offset(): number;
  /** Unix ms of a time (s) on the broadcast's timeline. */
  wallTime(seconds: number): number;
  published(track: RenditionWindow): void;
  /** A rendition does not keep to the common keyframes; said once a run. */
  misaligned(track: RenditionWindow): void;
};

/** One rendition during one encoder run: puts samples into parts and parts into segments. */
export class RenditionSegmenter {
  readonly rendition: Rendition;
  readonly init: TrackInit;
  readonly track: RenditionWindow;
  readonly #context: SegmenterContext;
  /** Timescale in Hz. */
  readonly #scale: number;
  #cut: Cut | undefined;
  /** Decode time (ticks) from which the parts of the segment are counted. */
  #anchor = 0;
  /** End of the last part, in seconds from the anchor. */
  #partEnd = 0;
  #samples: Sample[] = [];
  #duration = 0;
  #bytes = 0;
  /** End of what was placed, in ticks of the run. */
  #end: number | undefined;
  #misaligned = false;
  /** A frame of silence, where one can be made; its duration in ticks. */
  readonly #silentFrame: { data: Buffer; duration: number } | undefined;

  constructor(rendition: Rendition, init: TrackInit, track: RenditionWindow, context: SegmenterContext) {
    this.rendition = rendition;
    this.init = init;
    this.track = track;
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

  /** End in decode order, in seconds of the run's timeline. */
  decodeEnd(sample: Sample): number {
    return (sample.decodeTime + sample.duration) / this.#scale;
  }

  /** Seconds, from 1/300 to 1. */
  frame(sample: Sample): number {
    const duration = Math.min(LONGEST_FRAME_S, sample.duration / this.#scale);
    return finiteWithin(duration, SHORTEST_FRAME_S, LONGEST_FRAME_S, USUAL_FRAME);
  }

  /** The segment that is being filled. */
  get cut(): Cut | undefined {
    return this.#cut;
  }

  /** End of what was placed, in seconds of the run's timeline. */
  get end(): number | undefined {
    return this.#end === undefined ? undefined : this.#seconds(this.#end);
  }

  /** Whether players know of a segment. */
  lists(msn: number): boolean {
    const { last } = this.track;
    return last !== undefined && last.msn >= msn;
  }

  place(sample: Sample): void {
    if (!this.#cut) this.#silenceBefore(sample);
    this.#place(sample);
  }

  /** Sound lasts as long as the picture (s): players go by the picture's segments and wait for sound that is missing. */
  silenceUntil(end: number): void {
    const { first } = this.#context.grid;
    if (!this.#silentFrame || !first) return;
    const from = this.#end ?? first.pts * this.#scale;
    this.#silence(from, Math.round((end * this.#scale - from) / this.#silentFrame.duration));
  }

  /** Forgets what players do not know of yet: the run is over, and its last segment would not be in all renditions. */
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
    if (!this.#cut || cut.msn > this.#cut.msn) {
      if (this.#mayBegin(cut, sample, pts, frame)) this.#begin(cut, sample, pts, frame);
    }
    if (this.#cut) this.#add(sample, frame);
  }

  /** Publishes what is there and completes the segment: the run is over. */
  finish(): void {
    this.#flush();
    if (!this.#cut) return;
    this.#cut = undefined;
    this.track.complete();
    this.#context.published(this.track);
  }

  /** Sound that comes later than the first picture: its playlist has the picture's segments all the same. */
  #silenceBefore(sample: Sample): void {
    const { first } = this.#context.grid;
    if (!this.#silentFrame || !first) return;
    const { duration } = this.#silentFrame;
    const count = Math.floor((sample.decodeTime - first.pts * this.#scale) / duration);
    this.#silence(sample.decodeTime - count * duration, count);
  }

  /** @param from ticks */
  #silence(from: number, count: number): void {
    if (!this.#silentFrame) return;
    const { data, duration } = this.#silentFrame;
    if (this.#seconds(count * duration) > LONGEST_SILENCE) return;
    const frame = { duration, compositionOffset: 0, flags: INDEPENDENT, sync: true, data };
    for (let index = 0; index < count; index++)
      this.#place({ ...frame, decodeTime: Math.round(from + index * duration) });
  }

  #mayBegin(cut: Cut, sample: Sample, pts: number, frame: number): boolean {
    const late = pts - cut.pts;
    // In a new run every rendition begins with a whole segment, or with nearly all of it.
    if (!this.#cut) return sample.sync && late <= Math.max(frame, cut.part) / 2;
    if (sample.sync) return true;
    if (late < LATE_KEYFRAME) return false;
    if (!this.#misaligned) this.#context.misaligned(this.track);
    this.#misaligned = true;
    return true;
  }

  #begin(cut: Cut, sample: Sample, pts: number, frame: number): void {
    this.#flush();
    const first = this.#cut === undefined;
    this.#cut = cut;
    this.#partEnd = 0;
    this.#anchor = this.init.kind === 'audio' ? cut.pts * this.#scale : sample.decodeTime;
    const { track } = this;
    track.partTarget = Math.max(track.partTarget, partTarget(this.#context.grid.partDuration, frame));
    track.begin(
      {
        msn: cut.msn,
        run: this.#context.runIndex,
        programDateTime: this.#context.wallTime(pts + this.#context.offset()),
        part: cut.part,
        least: cut.least,
        expected: cut.expected,
      },
      this.init,
    );
    // The segment before this one has just become complete.
    if (!first) this.#context.published(track);
  }

  #add(sample: Sample, frame: number): void {
    this.#endBeforePause(sample);
    this.#checkSegment(sample);
    const previous = this.#samples.at(-1);
    const gap = this.#end === undefined ? 0 : sample.decodeTime - this.#end;
    if (gap < -FURTHEST_BACK * this.#scale) {
      throw new HeadendError('media_time_backwards', `Time runs backwards in ${this.track.id}`);
    }
    if (gap !== 0 && previous) {
      if (gap > LONGEST_STRETCH * this.#scale) {
        this.#flush();
      } else {
        if (previous.duration + gap <= 0) return;
        previous.duration += gap;
        this.#duration += gap;
      }
    }
    if (this.#samples.length > 0 && this.#seconds(this.#duration + sample.duration) > this.track.partTarget) {
      this.#flush();
    }
    this.#samples.push(sample);
    this.#duration += sample.duration;
    this.#bytes += sample.data.length;
    if (this.#samples.length > MOST_SAMPLES || this.#bytes > MOST_BYTES) {
      throw new HeadendError('part_too_large', `Too much in one part of ${this.track.id}`);
    }
    this.#end = sample.decodeTime + sample.duration;
    if (this.#elapsed() >= this.#boundary(frame) - frame / 2 - 1e-6) this.#flush();
  }

  /**
   * Ends a frame after a second when the video pauses behind it, and leaves the pause open: the frame would otherwise make
   * a part as long as the pause, and PART-TARGET with it for the rest of the broadcast.
   */
  #endBeforePause(sample: Sample): void {
    const longest = Math.round(Math.max(LONGEST_FRAME_S, this.track.partTarget) * this.#scale);
    if (sample.duration > longest) sample.duration = longest;
  }

  #checkSegment(sample: Sample): void {
    const { last } = this.track;
    const written = this.track.start?.msn === last?.msn ? last!.bytes : 0;
    const duration = this.#seconds(sample.decodeTime + sample.duration - this.#anchor);
    if (duration <= LONGEST_SEGMENT && written + this.#bytes <= this.#context.segmentBytes) return;
    throw new HeadendError('segment_too_long', `Keyframes of ${this.track.id} have stopped coming`);
  }

  /** Where the part that is being filled should end, in seconds from the anchor. */
  #boundary(frame: number): number {
    const cut = this.#cut!;
    const nominal = (Math.round(this.#partEnd / cut.part) + 1) * cut.part;
    // Sound knows the next cut already: without this, one packet could be left over behind the last full part.
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
    const { track } = this;
    const offset = Math.round(this.#context.offset() * this.#scale);
    // Within rounding, never before the end of what was published.
    const decodeTime = Math.max(first.decodeTime + offset, Math.ceil(track.end * this.#scale - 1e-3));
    const duration = this.#seconds(this.#duration);
    const data = writeFragment({
      trackId: this.init.trackId,
      sequence: track.nextSequence(),
      decodeTime,
      samples: this.#samples,
    });
    track.add({ data, duration, independent: first.sync }, this.#samples.length);
    track.end = decodeTime / this.#scale + duration;
    this.#partEnd = this.#elapsed();
    this.#samples = [];
    this.#duration = 0;
    this.#bytes = 0;
    this.#context.published(track);
  }
}
