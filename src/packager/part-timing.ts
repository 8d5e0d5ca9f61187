/** Tolerance above the nominal part duration, so that 29.97 fps fits a grid for 30 fps. */
const STRETCH = 1.005;
/** Added to PART-TARGET (s) for sources with timestamps rounded to milliseconds. */
const TIMESTAMP_JITTER_S = 0.0015;
/**
 * Bounds of a frame's duration (s), regardless of timestamps and announced rates. A longer duration is a frame followed
 * by a pause.
 */
export const MINIMUM_FRAME_S = 1 / 300;
export const MAXIMUM_FRAME_S = 1;
/** Minimum share of PART-TARGET of a part (RFC 8216bis, 4.4.4.9). */
const MINIMUM_PART_SHARE = 0.85;

/** Whether parts that end at the frame nearest to a multiple of `duration` have similar lengths. */
function fits(duration: number, frame: number): boolean {
  const frames = duration / frame;
  return Math.floor(frames + 0.02) / Math.ceil(frames - 0.02) >= MINIMUM_PART_SHARE;
}

/**
 * Fits the part duration (s) to frames of `frame` seconds: the nominal one if whole frames come near enough, else a
 * whole number of frames (at 10 fps 0.3 instead of 0.333).
 */
export function fitToFrames(nominal: number, frame: number): number {
  return fits(nominal, frame) ? nominal : Math.max(1, Math.round(nominal / frame)) * frame;
}

/**
 * Returns the part duration (s) that divides a segment of `segment` seconds evenly, as players that are late skip a
 * tiny last part and stall; the nominal one if parts would become too short or uneven.
 */
export function fitToSegment(nominal: number, segment: number | undefined, frame: number): number {
  if (segment === undefined) return nominal;
  const fitted = segment / Math.max(1, Math.ceil(segment / (nominal * STRETCH)));
  return fitted / nominal >= MINIMUM_PART_SHARE + 0.03 && fits(fitted, frame) ? fitted : nominal;
}

/**
 * Returns PART-TARGET (s) for frames of `frame` seconds: the maximum of parts that end at the frame nearest to a
 * multiple of the part duration.
 */
export function partTarget(nominal: number, frame: number): number {
  return Math.max(1, Math.ceil((nominal * STRETCH) / frame - 0.12)) * frame + TIMESTAMP_JITTER_S;
}
