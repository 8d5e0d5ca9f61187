/** Upper bounds of the buckets, ms; the last bucket is for everything above. */
export const BOUNDS_MS = [100, 200, 300, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000, 8_000, 15_000, 30_000];

/** Distribution of measured times, ms; quantiles are interpolated within their bucket. */
export type Distribution = { count: number; p50Ms: number; p95Ms: number };

export function emptyCounts(): number[] {
  return Array<number>(BOUNDS_MS.length + 1).fill(0);
}

/** Adds a time to a histogram. */
export function count(counts: number[], ms: number): void {
  const bucket = BOUNDS_MS.findIndex((bound) => ms <= bound);
  const index = bucket < 0 ? BOUNDS_MS.length : bucket;
  counts[index] = (counts[index] ?? 0) + 1;
}

/** @returns undefined for a histogram without entries */
export function distributionOf(counts: readonly number[]): Distribution | undefined {
  const total = counts.reduce((sum, each) => sum + each, 0);
  if (total === 0) return undefined;
  return { count: total, p50Ms: quantile(counts, total * 0.5), p95Ms: quantile(counts, total * 0.95) };
}

function quantile(counts: readonly number[], rank: number): number {
  let before = 0;
  for (const [index, each] of counts.entries()) {
    if (before + each < rank || each === 0) {
      before += each;
      continue;
    }
    const fromMs = BOUNDS_MS[index - 1] ?? 0;
    const toMs = BOUNDS_MS[index] ?? fromMs;
    return Math.round(fromMs + ((toMs - fromMs) * (rank - before)) / each);
  }
  return BOUNDS_MS.at(-1) ?? 0;
}
