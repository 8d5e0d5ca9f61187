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

/** Whether parts that end at the frame nearest to a multiple of `durationS` have similar lengths. */
function fits(durationS: number, frameS: number): boolean {
  const frames = durationS / frameS;
  return Math.floor(frames + 0.02) / Math.ceil(frames - 0.02) >= MINIMUM_PART_SHARE;
}

/**
 * Fits the part duration to the frame duration: the nominal one if whole frames come near enough, else a
 * whole number of frames (at 10 fps 0.3 instead of 0.333).
 */
export function fitToFrames(nominalS: number, frameS: number): number {
  return fits(nominalS, frameS) ? nominalS : Math.max(1, Math.round(nominalS / frameS)) * frameS;
}

/**
 * Returns the part duration (s) that divides a segment of `segmentS` evenly, as players that are late skip a
 * tiny last part and stall; the nominal one if parts would become too short or uneven.
 */
export function fitToSegment(nominalS: number, segmentS: number | undefined, frameS: number): number {
  if (segmentS === undefined) return nominalS;
  const fittedS = segmentS / Math.max(1, Math.ceil(segmentS / (nominalS * STRETCH)));
  return fittedS / nominalS >= MINIMUM_PART_SHARE + 0.03 && fits(fittedS, frameS) ? fittedS : nominalS;
}

/**
 * Returns PART-TARGET (s) for frames of `frameS`: the maximum of parts that end at the frame nearest to a
 * multiple of the part duration.
 */
export function partTargetS(nominalS: number, frameS: number): number {
  return Math.max(1, Math.ceil((nominalS * STRETCH) / frameS - 0.12)) * frameS + TIMESTAMP_JITTER_S;
}
