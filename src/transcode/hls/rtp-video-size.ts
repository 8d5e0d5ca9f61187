import type { VideoSource } from '../../media/index.js';
import { finiteWithin } from '../../platform/index.js';

/** The picture that the ladder of an RTP source is made for; whatever is sent is fitted into it. */
export type RtpVideoFormat = {
  width: number;
  height: number;
  frameRate: number;
  /** What the best rendition is named after: players go on with a name that they know, whatever its size is now. */
  lines: number;
};

type Size = { width: number; height: number };

/** What is assumed until the source is known. */
export const USUAL_PICTURE = { width: 1280, height: 720, frameRate: 30 };
/**
 * Pixels of a side and of a picture that a sender is believed to have: what the highest level of AV1 allows (annex A.3).
 * A few bytes of VP8 or VP9 can announce 65,535 lines.
 */
const SIDE = { min: 16, max: 16_384 } as const;
const MAXIMUM_PIXELS = 35_651_584;
/** A small picture is enlarged until its longer side has so many pixels at most. */
const GROWN_SIDE = 4_096;
/** Frames per second that cameras and games have. */
const FRAME_RATES = [24, 25, 30, 50, 60];
/** A measured rate this near to one of those is that one. */
const NEAR = 0.04;
/** From here on a rate that is none of those is nearer to 60 than to 30. */
const FAST = 45;
/** A picture must be clearly larger (in its shorter side, or in its rate) to be worth a new run. */
const LARGER = 1.2;
/** A larger picture must last so long before it is worth a new run, ms. */
const GROWN_MS = 5_000;
/** After this time a browser has found out what its network takes, ms. */
const SETTLED_MS = 60_000;

/**
 * What to make a ladder for. Browsers begin with a small picture and make it larger while they find out what the network
 * takes: a new ladder for each size would take away, one after the other, the renditions that players have just begun
 * with. So the first one is made for the usual size at least, in the source's shape. It is made anew for a picture that is
 * larger for good, and once for one that has stayed small, which would be scaled up for nothing.
 */
export class RtpVideoFormatChoice {
  #made: RtpVideoFormat | undefined;
  #largest: Size | undefined;
  #grownSince: number | undefined;

  /** What the last ladder was made for. */
  get made(): RtpVideoFormat | undefined {
    return this.#made;
  }

  /** Chooses for the next ladder. It never shrinks by itself, as networks recover. */
  choose(video: VideoSource | undefined): RtpVideoFormat {
    this.#grownSince = undefined;
    this.#made = this.#fitting(video);
    return this.#made;
  }

  /**
   * Looks at what the source sends while a ladder is made of it.
   *
   * @param age ms since its media began
   * @returns how the source differs from what the ladder is made for, once that is worth a new one: `choose` then.
   */
  look(video: VideoSource | undefined, age: number): 'larger' | 'smaller' | undefined {
    const made = this.#made;
    const seen = sizeOf(video);
    if (!made || !seen) return undefined;
    if (!this.#largest || linesOf(seen) > linesOf(this.#largest)) this.#largest = seen;
    const wanted = this.#fitting(video);
    const isSame = wanted.width === made.width && wanted.height === made.height;
    if (isSame && wanted.frameRate <= made.frameRate * LARGER) this.#grownSince = undefined;
    else this.#grownSince ??= age;
    if (this.#grownSince !== undefined && age - this.#grownSince >= GROWN_MS) return 'larger';
    if (age < SETTLED_MS || linesOf(made) <= linesOf(this.#largest) * LARGER) return undefined;
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

/** As large as pictures usually become. */
function grown(seen: Size | undefined): Size {
  if (!seen) return USUAL_PICTURE;
  const longer = Math.max(seen.width, seen.height);
  const scale = Math.max(1, Math.min(USUAL_PICTURE.height / linesOf(seen), GROWN_SIDE / longer));
  const even = (pixels: number): number => Math.round((pixels * scale) / 2) * 2;
  return { width: even(seen.width), height: even(seen.height) };
}

/** Larger, or turned. */
function outgrows(seen: Size, made: Size): boolean {
  if (seen.width > seen.height !== made.width > made.height && seen.width !== seen.height) return true;
  return linesOf(seen) > linesOf(made) * LARGER;
}

function steadyRate(measured: number | undefined): number {
  if (measured === undefined) return USUAL_PICTURE.frameRate;
  const near = FRAME_RATES.find((rate) => Math.abs(rate - measured) <= rate * NEAR);
  return near ?? (measured > FAST ? 60 : 30);
}
