/** Lowest level that is shown, dBFS. */
export const LOWEST_DB = -60;

/** Returns the peak of samples (-1 to 1), dBFS, at least `LOWEST_DB`. */
export function peakDb(samples: Float32Array): number {
  let peak = 0;
  for (const sample of samples) peak = Math.max(peak, Math.abs(sample));
  return Math.max(LOWEST_DB, 20 * Math.log10(peak));
}
