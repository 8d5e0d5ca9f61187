import { finiteWithin } from '../platform/index.js';
import { fitToFrames, fitToSegment, LONGEST_FRAME_S, SHORTEST_FRAME_S } from './part-timing.js';

/** Where a segment begins in every rendition of a run. Times in seconds of the run's own timeline. */
export type Cut = {
  msn: number;
  pts: number;
  /** Seconds between the ends of parts. */
  part: number;
  /** How long the segment will be by all that is known; undefined when keyframes come irregularly. */
  expected: number | undefined;
  /** No other cut comes sooner (s). Equal to `expected` when that can be relied upon. */
  least: number;
};

/** When an encoder or a source makes keyframes, as far as it is known beforehand. */
export type KeyframePattern = {
  /** Seconds. */
  interval: number;
  /**
   * The first frame at or behind each multiple of the interval is one, wherever the run begins; with the duration of
   * a frame in seconds, if known. Otherwise they count from the first frame.
   */
  clock?: { frame: number | undefined };
};

export type SegmentGridOptions = {
  segmentDuration: number;
  partDuration: number;
  keyframes: KeyframePattern | undefined;
  /** The next media sequence number, or undefined when it is too early for another segment. */
  number(pts: number): number | undefined;
};

/** An IDR nearer than this share of the segment duration to the last cut makes no cut... */
const LEAST_SEGMENT = 0.6;
/** ...but in the first segment of a run, where one may be needed sooner so that the segment does not get too long. */
const LEAST_FIRST_SEGMENT = 0.25;
/** EXTINF is rounded before it is compared with the target duration. */
const ROUNDING = 0.49;
/** Segments that differ by less (s) count as equally long. */
const REGULAR = 0.05;
/** Encoders take a frame that is early by this (s) for one at the clock's tick. */
const CLOCK_TOLERANCE = 0.002;
/** Keyframes of a pattern are so far apart (s). Measured intervals outside of it are no pattern. */
const INTERVAL = { min: SHORTEST_FRAME_S, max: 60 } as const;
/** Renditions that lag behind by more segments than this are lost anyway. */
const KEPT = 16;

/**
 * One grid of segments for all renditions of an encoder run: the first rendition that shows a keyframe at the right
 * time decides, the others follow at the same presentation time.
 */
export class SegmentGrid {
  readonly #options: SegmentGridOptions;
  /** Within bounds, or undefined. */
  readonly #keyframes: KeyframePattern | undefined;
  #partDuration: number;
  /** Seconds, of the slowest rendition. */
  #frame = 0.001;
  #cuts: Cut[] = [];
  /** Durations (s) of the last two segments but for the run's first, which may be short. */
  #recent: number[] = [];
  #count = 0;

  constructor(options: SegmentGridOptions) {
    this.#options = options;
    this.#keyframes = boundedPattern(options.keyframes);
    this.#partDuration = options.partDuration;
  }

  get partDuration(): number {
    return this.#partDuration;
  }

  /** The oldest one that is remembered. */
  get first(): Cut | undefined {
    return this.#cuts[0];
  }

  get last(): Cut | undefined {
    return this.#cuts.at(-1);
  }

  /** How long a frame lasts (s) in the slowest rendition, to be said before the first cut: parts are fitted to it. */
  useFrame(frame: number): void {
    const { partDuration, segmentDuration } = this.#options;
    this.#frame = finiteWithin(frame, SHORTEST_FRAME_S, LONGEST_FRAME_S, this.#frame);
    this.#partDuration = Math.min(segmentDuration, fitToFrames(partDuration, this.#frame));
  }

  /** A keyframe at `pts`, in any video rendition. */
  offerKeyframe(pts: number): void {
    const { last } = this;
    if (!last || pts - last.pts >= this.#acceptedFrom(this.#count === 1)) this.#cut(pts);
  }

  /** Sound at `pts`, when it is the sound that decides: a cut at each full segment duration. */
  offerSound(pts: number, frame: number): void {
    const { last } = this;
    if (!last || pts >= last.pts + this.#options.segmentDuration - frame / 2) this.#cut(pts);
  }

  /** The segment that a sample belongs to: the last cut at or before `pts`. */
  at(pts: number): Cut | undefined {
    for (let index = this.#cuts.length - 1; index >= 0; index--) {
      if (pts >= this.#cuts[index]!.pts) return this.#cuts[index];
    }
    return undefined;
  }

  /** The cut that follows another, if it is known already. */
  after(cut: Cut): Cut | undefined {
    const index = this.#cuts.indexOf(cut);
    return index < 0 ? undefined : this.#cuts[index + 1];
  }

  /** A keyframe from so many seconds after the last cut on makes a cut. */
  #acceptedFrom(first: boolean): number {
    const { segmentDuration } = this.#options;
    const keyframes = this.#keyframes;
    const usual = segmentDuration * LEAST_SEGMENT;
    const longest = segmentDuration + ROUNDING;
    if (!first || !keyframes || keyframes.interval > longest) return usual;
    return Math.min(usual, Math.max(segmentDuration * LEAST_FIRST_SEGMENT, longest - keyframes.interval));
  }

  #cut(pts: number): void {
    const msn = this.#options.number(pts);
    if (msn === undefined) return;
    const { last } = this;
    const previous = last && pts - last.pts;
    if (previous !== undefined && this.#count > 1) this.#recent = [previous, ...this.#recent].slice(0, 2);
    const expected = finiteWithin(this.#expect(pts, previous), INTERVAL.min, INTERVAL.max, undefined);
    this.#cuts.push({
      msn,
      pts,
      expected,
      part: fitToSegment(this.#partDuration, expected, this.#frame),
      least: expected ?? this.#options.segmentDuration * (last ? LEAST_SEGMENT : LEAST_FIRST_SEGMENT),
    });
    this.#count++;
    if (this.#cuts.length > KEPT) this.#cuts.shift();
  }

  #expect(pts: number, previous: number | undefined): number | undefined {
    const keyframes = this.#keyframes;
    const [latest, before] = this.#recent;
    if (latest !== undefined && before !== undefined && Math.abs(latest - before) >= REGULAR)
      return undefined;
    if (latest === undefined || keyframes?.clock) return this.#announced(pts) ?? previous;
    return latest;
  }

  /** The first keyframe from which a cut will be made, in seconds after a cut at `pts`. */
  #announced(pts: number): number | undefined {
    const keyframes = this.#keyframes;
    if (!keyframes) return undefined;
    const { interval, clock } = keyframes;
    let elapsed = interval;
    if (clock) {
      elapsed = (Math.floor((pts + CLOCK_TOLERANCE) / interval) + 1) * interval - pts;
      const { frame } = clock;
      if (frame) elapsed = Math.ceil((elapsed - CLOCK_TOLERANCE) / frame) * frame;
    }
    // Measured intervals are rounded: what is nearly long enough will be.
    const missing = this.#acceptedFrom(this.#count === 0) / 1.01 - elapsed;
    return elapsed + Math.max(0, Math.ceil(missing / interval - 1e-9)) * interval;
  }
}

/** The pattern, if its numbers are possible ones: they were measured from or announced by a source. */
export function boundedPattern(keyframes: KeyframePattern | undefined): KeyframePattern | undefined {
  const interval = finiteWithin(keyframes?.interval, INTERVAL.min, INTERVAL.max, undefined);
  if (!keyframes || interval === undefined) return undefined;
  if (!keyframes.clock) return { interval };
  const frame = finiteWithin(keyframes.clock.frame, SHORTEST_FRAME_S, LONGEST_FRAME_S, undefined);
  return { interval, clock: { frame } };
}
