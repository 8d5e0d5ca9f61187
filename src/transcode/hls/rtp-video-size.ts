import type { VideoSource } from '../../media/index.js';
import { finiteWithin } from '../../platform/index.js';

/** Video format that an RTP source's ladder is made for; other sizes are fitted into it. */
export type RtpVideoFormat = {
  width: number;
  height: number;
  frameRate: number;
  /** Names the best rendition, so that players keep it when its size changes. */
  lines: number;
};

type Size = { width: number; height: number };

/** Format assumed before the source is known. */
export const DEFAULT_VIDEO_FORMAT = { width: 1280, height: 720, frameRate: 30 };
/**
 * Bounds of a frame's side and pixels: the highest level of AV1 (annex A.3). A few bytes of VP8 or VP9 can announce
 * 65,535 lines.
 */
const SIDE = { min: 16, max: 16_384 } as const;
const MAXIMUM_PIXELS = 35_651_584;
/** Maximum longer side after enlarging. */
const MAXIMUM_SCALED_SIDE = 4_096;
/** Frame rates of cameras and games. */
const FRAME_RATES = [24, 25, 30, 50, 60];
/** Relative tolerance of a measured rate. */
const RATE_TOLERANCE = 0.04;
/** A rate above this that matches none counts as 60, else 30. */
const FAST_FRAME_RATE = 45;
/** Minimum factor, in lines or rate, for a new run. */
const LARGER_FACTOR = 1.2;
/** Time that a larger format must last, ms. */
const GROWN_MS = 5_000;
/** Time after which a browser has measured its network, ms. */
const SETTLED_MS = 60_000;

/**
 * Chooses the format of a ladder. Browsers start small and grow as they measure the network; a ladder per size would
 * remove renditions that players have just joined. So the first ladder has at least the default size, in the source's
 * shape. A new one follows for a size that stays larger, and once for one that stayed small.
 */
export class RtpVideoFormatChoice {
  #made: RtpVideoFormat | undefined;
  #largest: Size | undefined;
  #grownSince: number | undefined;

  /** Format of the last ladder. */
  get made(): RtpVideoFormat | undefined {
    return this.#made;
  }

  /** Chooses for the next ladder. Never shrinks here, as networks recover. */
  choose(video: VideoSource | undefined): RtpVideoFormat {
    this.#grownSince = undefined;
    this.#made = this.#fitting(video);
    return this.#made;
  }

  /**
   * Compares the source with the current ladder.
   *
   * @param age ms since the media started
   * @returns the difference when it justifies a new ladder: call `choose` then
   */
  compare(video: VideoSource | undefined, age: number): 'larger' | 'smaller' | undefined {
    const made = this.#made;
    const seen = sizeOf(video);
    if (!made || !seen) return undefined;
    if (!this.#largest || linesOf(seen) > linesOf(this.#largest)) this.#largest = seen;
    const wanted = this.#fitting(video);
    const isSame = wanted.width === made.width && wanted.height === made.height;
    if (isSame && wanted.frameRate <= made.frameRate * LARGER_FACTOR) this.#grownSince = undefined;
    else this.#grownSince ??= age;
    if (this.#grownSince !== undefined && age - this.#grownSince >= GROWN_MS) return 'larger';
    if (age < SETTLED_MS || linesOf(made) <= linesOf(this.#largest) * LARGER_FACTOR) return undefined;
    this.#made = { ...made, ...this.#largest };
    return 'smaller';
  }

  #fitting(video: VideoSource | undefined): RtpVideoFormat {
    const before = this.#made;
    const seen = sizeOf(video);
    const size = before === undefined ? grown(seen) : seen && outgrows(seen, before) ? seen : before;
    return {
      width: size.width,
      height: size.height,
      frameRate: Math.max(before?.frameRate ?? 0, steadyRate(video?.frameRate)),
      lines: Math.max(before?.lines ?? 0, linesOf(size)),
    };
  }
}

function sizeOf(video: Partial<Size> = {}): Size | undefined {
  const width = finiteWithin(video.width, SIDE.min, SIDE.max, undefined);
  const height = finiteWithin(video.height, SIDE.min, SIDE.max, undefined);
  if (width === undefined || height === undefined || width * height > MAXIMUM_PIXELS) return undefined;
  return { width, height };
}

function linesOf({ width, height }: Size): number {
  return Math.min(width, height);
}

/** Scales up to the default size. */
function grown(seen: Size | undefined): Size {
  if (!seen) return DEFAULT_VIDEO_FORMAT;
  const longer = Math.max(seen.width, seen.height);
  const scale = Math.max(
    1,
    Math.min(DEFAULT_VIDEO_FORMAT.height / linesOf(seen), MAXIMUM_SCALED_SIDE / longer),
  );
  const even = (pixels: number): number => Math.round((pixels * scale) / 2) * 2;
  return { width: even(seen.width), height: even(seen.height) };
}

/** Larger, or rotated. */
function outgrows(seen: Size, made: Size): boolean {
  if (seen.width > seen.height !== made.width > made.height && seen.width !== seen.height) return true;
  return linesOf(seen) > linesOf(made) * LARGER_FACTOR;
}

function steadyRate(measured: number | undefined): number {
  if (measured === undefined) return DEFAULT_VIDEO_FORMAT.frameRate;
  const near = FRAME_RATES.find((rate) => Math.abs(rate - measured) <= rate * RATE_TOLERANCE);
  return near ?? (measured > FAST_FRAME_RATE ? 60 : 30);
}
