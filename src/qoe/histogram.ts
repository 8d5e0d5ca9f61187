import type { Sql } from '../platform/index.js';

/** Upper bounds of the buckets of times, ms; the last bucket is for everything above. */
export const BOUNDS_MS = [100, 200, 300, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000, 8_000, 15_000, 30_000];
/** The same of bitrates, kbit/s. */
export const BOUNDS_KBPS = [
  ...[250, 500, 1_000, 1_500, 2_000, 3_000, 4_000, 6_000, 8_000, 12_000, 20_000, 40_000, 100_000],
];

/** Distribution of measured times, ms; quantiles are interpolated within their bucket. */
export type Distribution = { count: number; p50Ms: number; p95Ms: number };

export function emptyCounts(): number[] {
  return Array<number>(BOUNDS_MS.length + 1).fill(0);
}

/** Adds a value to a histogram. */
export function count(counts: number[], value: number, bounds: readonly number[]): void {
  const bucket = bounds.findIndex((bound) => value <= bound);
  const index = bucket < 0 ? bounds.length : bucket;
  counts[index] = (counts[index] ?? 0) + 1;
}

/** Adds the counts of `excluded` to those of `stored`, in an upsert. */
export function addCounts(sql: Sql, column: string) {
  return sql`(
    select array_agg(coalesce(a, 0) + coalesce(b, 0) order by i)
    from unnest(${sql(`stored.${column}`)}, ${sql(`excluded.${column}`)}) with ordinality as pair (a, b, i))`;
}

/** @returns undefined for a histogram without entries */
export function distributionOf(counts: readonly number[]): Distribution | undefined {
  const total = totalOf(counts);
  if (total === 0) return undefined;
  const { p50, p95 } = quantilesOf(counts, BOUNDS_MS);
  return { count: total, p50Ms: p50, p95Ms: p95 };
}

/** Distribution of what is bad when it is low. @returns undefined for a histogram without entries */
export function lowDistributionOf(
  counts: readonly number[],
  unit: 'ms' | 'kbps',
): { count: number; p5: number; p50: number } | undefined {
  const total = totalOf(counts);
  if (total === 0) return undefined;
  const { p5, p50 } = quantilesOf(counts, unit === 'ms' ? BOUNDS_MS : BOUNDS_KBPS);
  return { count: total, p5, p50 };
}

function totalOf(counts: readonly number[]): number {
  return counts.reduce((sum, each) => sum + each, 0);
}

function quantilesOf(counts: readonly number[], bounds: readonly number[]) {
  const total = totalOf(counts);
  const at = (share: number): number => quantile(counts, bounds, total * share);
  return { p5: at(0.05), p50: at(0.5), p95: at(0.95) };
}

function quantile(counts: readonly number[], bounds: readonly number[], rank: number): number {
  let before = 0;
  for (const [index, each] of counts.entries()) {
    if (before + each < rank || each === 0) {
      before += each;
      continue;
    }
    const from = bounds[index - 1] ?? 0;
    const to = bounds[index] ?? from;
    return Math.round(from + ((to - from) * (rank - before)) / each);
  }
  return bounds.at(-1) ?? 0;
}
