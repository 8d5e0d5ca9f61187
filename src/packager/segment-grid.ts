import { finiteWithin } from '../platform/index.js';
import { fitToFrames, fitToSegment, MAXIMUM_FRAME_S, MINIMUM_FRAME_S } from './part-timing.js';

/** Start of a segment in every rendition of a run. Times in seconds of the run's timeline. */
export type Cut = {
  msn: number;
  pts: number;
  partDurationS: number;
  /** Expected segment duration; undefined with irregular keyframes. */
  expectedDurationS: number | undefined;
  /** Minimum segment duration; equal to `expectedDurationS` when that is reliable. */
  minimumDurationS: number;
};

/** Keyframe schedule of an encoder or a source, as far as it is known. */
export type KeyframePattern = {
  intervalS: number;
  /**
   * Keyframes are the first frames at or after multiples of the interval; `frameS`: duration of a frame, if
   * known. Otherwise the interval counts from the first frame.
   */
  clock?: { frameS: number | undefined };
};

export type SegmentGridOptions = {
  segmentDurationS: number;
  partDurationS: number;
  keyframes: KeyframePattern | undefined;
  /** Takes the next media sequence number; undefined when it is too early for another segment. */
  number(pts: number): number | undefined;
};

/** Minimum distance of cuts as a share of the segment duration. */
const MINIMUM_SEGMENT_SHARE = 0.6;
/** The same for the first segment of a run, where an early cut may be needed to limit the segment's length. */
const MINIMUM_FIRST_SEGMENT_SHARE = 0.25;
/** EXTINF is rounded before comparison with the target duration. */
const EXTINF_ROUNDING_S = 0.49;
/** Segments that differ by less (s) are equally long. */
const REGULAR_TOLERANCE_S = 0.05;
/** Encoders treat a frame this early (s) as one at the clock's multiple. */
const CLOCK_TOLERANCE_S = 0.002;
/** Bounds of a keyframe interval (s). A measured interval outside them is no pattern. */
const INTERVAL_S = { min: MINIMUM_FRAME_S, max: 60 } as const;
/** Cuts kept; a rendition that is further behind is lost. */
const KEPT_CUTS = 16;

/**
 * Segment grid of an encoder run: the first video rendition with a keyframe at the right time makes a cut; the others
 * cut at the same presentation time.
 */
export class SegmentGrid {
  readonly #options: SegmentGridOptions;
  /** Validated pattern, or undefined. */
  readonly #keyframes: KeyframePattern | undefined;
  #partDurationS: number;
  /** Frame duration of the slowest rendition. */
  #frameS = 0.001;
  #cuts: Cut[] = [];
  /** Durations (s) of the last two segments, without the run's first, which may be short. */
  #recentDurationsS: number[] = [];
  #count = 0;

  constructor(options: SegmentGridOptions) {
    this.#options = options;
    this.#keyframes = boundedPattern(options.keyframes);
    this.#partDurationS = options.partDurationS;
  }

  get partDurationS(): number {
    return this.#partDurationS;
  }

  /** Oldest cut kept. */
  get first(): Cut | undefined {
    return this.#cuts[0];
  }

  get last(): Cut | undefined {
    return this.#cuts.at(-1);
  }

  /** Fits parts to the frame duration (s) of the slowest rendition; called before the first cut. */
  fitPartsTo(frameS: number): void {
    const { partDurationS, segmentDurationS } = this.#options;
    this.#frameS = finiteWithin(frameS, MINIMUM_FRAME_S, MAXIMUM_FRAME_S, this.#frameS);
    this.#partDurationS = Math.min(segmentDurationS, fitToFrames(partDurationS, this.#frameS));
  }

  /** Makes a cut at a keyframe of any video rendition, if it is far enough from the last one. */
  offerKeyframe(pts: number): void {
    const { last } = this;
    if (!last || pts - last.pts >= this.#acceptedFrom(this.#count === 1)) this.#cut(pts);
  }

  /** Makes a cut at each full segment duration, for audio without video. */
  offerAudioFrame(pts: number, frameS: number): void {
    const { last } = this;
    if (!last || pts >= last.pts + this.#options.segmentDurationS - frameS / 2) this.#cut(pts);
  }

  /** Returns the segment of a sample: the last cut at or before `pts`. */
  at(pts: number): Cut | undefined {
    for (let index = this.#cuts.length - 1; index >= 0; index--) {
      if (pts >= this.#cuts[index]!.pts) return this.#cuts[index];
    }
    return undefined;
  }

  /** Returns the cut after another, if known. */
  after(cut: Cut): Cut | undefined {
    const index = this.#cuts.indexOf(cut);
    return index < 0 ? undefined : this.#cuts[index + 1];
  }

  /** Minimum distance (s) of the next cut from the last one. */
  #acceptedFrom(first: boolean): number {
    const { segmentDurationS } = this.#options;
    const keyframes = this.#keyframes;
    const usualS = segmentDurationS * MINIMUM_SEGMENT_SHARE;
    const longestS = segmentDurationS + EXTINF_ROUNDING_S;
    if (!first || !keyframes || keyframes.intervalS > longestS) return usualS;
    return Math.min(
      usualS,
      Math.max(segmentDurationS * MINIMUM_FIRST_SEGMENT_SHARE, longestS - keyframes.intervalS),
    );
  }

  #cut(pts: number): void {
    const msn = this.#options.number(pts);
    if (msn === undefined) return;
    const { last } = this;
    const previousS = last && pts - last.pts;
    if (previousS !== undefined && this.#count > 1)
      this.#recentDurationsS = [previousS, ...this.#recentDurationsS].slice(0, 2);
    const expectedDurationS = finiteWithin(
      this.#expect(pts, previousS),
      INTERVAL_S.min,
      INTERVAL_S.max,
      undefined,
    );
    this.#cuts.push({
      msn,
      pts,
      expectedDurationS,
      partDurationS: fitToSegment(this.#partDurationS, expectedDurationS, this.#frameS),
      minimumDurationS:
        expectedDurationS ??
        this.#options.segmentDurationS * (last ? MINIMUM_SEGMENT_SHARE : MINIMUM_FIRST_SEGMENT_SHARE),
    });
    this.#count++;
    if (this.#cuts.length > KEPT_CUTS) this.#cuts.shift();
  }

  #expect(pts: number, previousS: number | undefined): number | undefined {
    const keyframes = this.#keyframes;
    const [latest, before] = this.#recentDurationsS;
    if (latest !== undefined && before !== undefined && Math.abs(latest - before) >= REGULAR_TOLERANCE_S)
      return undefined;
    if (latest === undefined || keyframes?.clock) return this.#announced(pts) ?? previousS;
    return latest;
  }

  /** Returns the time (s) from a cut at `pts` to the keyframe that makes the next cut. */
  #announced(pts: number): number | undefined {
    const keyframes = this.#keyframes;
    if (!keyframes) return undefined;
    const { intervalS, clock } = keyframes;
    let elapsedS = intervalS;
    if (clock) {
      elapsedS = (Math.floor((pts + CLOCK_TOLERANCE_S) / intervalS) + 1) * intervalS - pts;
      const { frameS } = clock;
      if (frameS) elapsedS = Math.ceil((elapsedS - CLOCK_TOLERANCE_S) / frameS) * frameS;
    }
    // Tolerance for rounded intervals.
    const missingS = this.#acceptedFrom(this.#count === 0) / 1.01 - elapsedS;
    return elapsedS + Math.max(0, Math.ceil(missingS / intervalS - 1e-9)) * intervalS;
  }
}

/** Returns the pattern if its values, measured or announced, are within bounds. */
export function boundedPattern(keyframes: KeyframePattern | undefined): KeyframePattern | undefined {
  const intervalS = finiteWithin(keyframes?.intervalS, INTERVAL_S.min, INTERVAL_S.max, undefined);
  if (!keyframes || intervalS === undefined) return undefined;
  if (!keyframes.clock) return { intervalS };
  const frameS = finiteWithin(keyframes.clock.frameS, MINIMUM_FRAME_S, MAXIMUM_FRAME_S, undefined);
  return { intervalS, clock: { frameS } };
}
