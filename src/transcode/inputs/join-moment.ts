/** A keyframe not older than this is joined, ms. */
const FRESH_MS = 1_000;
/** An older one is joined, too, when the next is further away than this, ms: starting takes the rest of a second. */
const SOON_MS = 500;

/**
 * Whether an encoder that replaces another begins with the last keyframe, showing something twice, or waits for the
 * next one, leaving something out: so that nothing is missing for as long as a second.
 *
 * @param age ms since the last keyframe.
 * @param interval the usual distance between keyframes, ms; undefined when it is not known.
 */
export function joinsNow(age: number, interval: number | undefined): boolean {
  if (age <= FRESH_MS || interval === undefined) return true;
  const next = interval - age;
  // One that is overdue is not waited for any longer than one that is far.
  return next > SOON_MS || next < -SOON_MS;
}
