/** Maximum age of a keyframe that is joined, ms. */
const FRESH_MS = 1_000;
/** Minimum time to the next keyframe for joining an older one, ms: starting takes the rest of a second. */
const SOON_MS = 500;

/**
 * Whether a replacing encoder joins at the last keyframe, repeating media, or waits for the next, omitting some; less
 * than a second is missing.
 *
 * @param age ms since the last keyframe
 * @param interval usual keyframe interval, ms; undefined when unknown
 */
export function joinsNow(age: number, interval: number | undefined): boolean {
  if (age <= FRESH_MS || interval === undefined) return true;
  const next = interval - age;
  // An overdue keyframe is not waited for.
  return next > SOON_MS || next < -SOON_MS;
}
