/**
 * Returns `value` when it is a finite number from `min` to `max`, else `fallback`. Every number that a publisher or a
 * viewer sent, or that was computed from one, passes through a bound such as this before it reaches a loop, a timer, the
 * size of a buffer or a playlist.
 */
export function finiteWithin<F>(value: unknown, min: number, max: number, fallback: F): number | F {
  return typeof value === 'number' && Number.isFinite(value) && value >= min && value <= max
    ? value
    : fallback;
}
