import { fitToSegment } from './part-timing.js';

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

export type SegmentGridOptions = {
  segmentDuration: number;
  partDuration: number;
  /** Seconds between keyframes, if known: what the encoder is told, or what the source does. */
  keyframeInterval: number | undefined;
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
/** Renditions that lag behind by more segments than this are lost anyway. */
const KEPT = 16;

/**
 * One grid of segments for all renditions of an encoder run: the first rendition that shows a keyframe at the right
 * time decides, the others follow at the same presentation time.
 */
export class SegmentGrid {
  readonly #options: SegmentGridOptions;
  #partDuration: number;
  #cuts: Cut[] = [];
  /** Durations (s) of the last two segments but for the run's first, which may be short. */
  #recent: number[] = [];
  #count = 0;

  constructor(options: SegmentGridOptions) {
    this.#options = options;
    this.#partDuration = options.partDuration;
  }

  get partDuration(): number {
    return this.#partDuration;
  }

  get last(): Cut | undefined {
    return this.#cuts.at(-1);
  }

  /** For sources whose frames do not fit the nominal part duration; before the first cut. */
  usePartDuration(seconds: number): void {
    this.#partDuration = seconds;
  }

  /** A keyframe at `pts`, in any video rendition. */
  offerKeyframe(pts: number): void {
    const { segmentDuration, keyframeInterval } = this.#options;
    const { last } = this;
    const elapsed = last ? pts - last.pts : Number.POSITIVE_INFINITY;
    const tooLongNextTime =
      this.#count === 1 &&
      elapsed >= segmentDuration * LEAST_FIRST_SEGMENT &&
      keyframeInterval !== undefined &&
      keyframeInterval <= segmentDuration + ROUNDING &&
      elapsed + keyframeInterval >= segmentDuration + ROUNDING;
    if (elapsed >= segmentDuration * LEAST_SEGMENT || tooLongNextTime) this.#cut(pts);
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

  #cut(pts: number): void {
    const msn = this.#options.number(pts);
    if (msn === undefined) return;
    const { last } = this;
    const previous = last && pts - last.pts;
    if (previous !== undefined && this.#count > 1) this.#recent = [previous, ...this.#recent].slice(0, 2);
    const { segmentDuration } = this.#options;
    const expected = this.#expect(previous);
    const shortest =
      segmentDuration * (this.#count === 0 ? Math.min(LEAST_FIRST_SEGMENT, LEAST_SEGMENT) : LEAST_SEGMENT);
    this.#cuts.push({
      msn,
      pts,
      expected,
      part: fitToSegment(this.#partDuration, expected),
      least: this.#count === 0 || expected === undefined ? shortest : expected,
    });
    this.#count++;
    if (this.#cuts.length > KEPT) this.#cuts.shift();
  }

  #expect(previous: number | undefined): number | undefined {
    const [latest, before] = this.#recent;
    if (latest === undefined) return this.#announced() ?? previous;
    return before === undefined || Math.abs(latest - before) < REGULAR ? latest : undefined;
  }

  /** The first keyframe that is far enough from the last cut, if they come at the announced interval. */
  #announced(): number | undefined {
    const { keyframeInterval, segmentDuration } = this.#options;
    if (keyframeInterval === undefined || keyframeInterval <= 0) return undefined;
    return Math.ceil((segmentDuration * LEAST_SEGMENT) / keyframeInterval - 0.01) * keyframeInterval;
  }
}
