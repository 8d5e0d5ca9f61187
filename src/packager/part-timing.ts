/** A part may be so much longer than the nominal duration, so that 29.97 frames a second fit a grid made for 30. */
const STRETCH = 1.005;
/** Added to PART-TARGET for sources whose timestamps are rounded to milliseconds. */
const JITTER = 0.0015;
/**
 * A frame lasts so long (s) at least and at most, whatever timestamps and announced frame rates say. A frame that is shown for
 * longer is followed by a pause.
 */
export const SHORTEST_FRAME_S = 1 / 300;
export const LONGEST_FRAME_S = 1;
/** Parts must reach this share of PART-TARGET (RFC 8216bis, 4.4.4.9). */
const LEAST_SHARE = 0.85;

/** Whether parts that end at the frame nearest to their multiple of `duration` are all about equally long. */
function fits(duration: number, frame: number): boolean {
  const frames = duration / frame;
  return Math.floor(frames + 0.02) / Math.ceil(frames - 0.02) >= LEAST_SHARE;
}

/**
 * The part duration (s) that fits frames of `frame` seconds: the nominal one where whole frames come near enough to
 * it, else a whole number of frames (10 frames a second: 0.3 instead of 0.333).
 */
export function fitToFrames(nominal: number, frame: number): number {
  return fits(nominal, frame) ? nominal : Math.max(1, Math.round(nominal / frame)) * frame;
}

/**
 * The part duration (s) that divides a segment of `segment` seconds evenly, so that no tiny part is left at its end
 * (players that are late skip those and stall), or the nominal one when parts would become too short or uneven.
 */
export function fitToSegment(nominal: number, segment: number | undefined, frame: number): number {
  if (segment === undefined) return nominal;
  const fitted = segment / Math.max(1, Math.ceil(segment / (nominal * STRETCH)));
  return fitted / nominal >= LEAST_SHARE + 0.03 && fits(fitted, frame) ? fitted : nominal;
}

/**
 * PART-TARGET (s) of a rendition with frames of `frame` seconds: no part whose end is the frame nearest to a multiple
 * of the part duration is longer.
 */
export function partTarget(nominal: number, frame: number): number {
  return Math.max(1, Math.ceil((nominal * STRETCH) / frame - 0.12)) * frame + JITTER;
}
