/** Frame intervals from which the usual interval is computed anew. */
const SAMPLE_SIZE = 15;
/** Minimum share of a sample near its median for a regular frame rate. */
const REGULAR_SHARE = 0.7;
/** Tolerance as a share of the median; at least 1 ms, the resolution of timestamps. */
const TOLERANCE = 0.25;
/** Usual intervals from which a gap counts as missing frames. */
const MISSING_FROM = 1.5;
/** Gap from which it counts as a pause instead, ms. */
const PAUSE_MS = 10_000;

/**
 * Counts frames that an encoder dropped, as on a slow network, by gaps in the timestamps. Gives no count for sources with
 * an irregular frame rate.
 */
export class MissingFrames {
  readonly #intervals: number[] = [];
  #last: number | undefined;
  #usualMs: number | undefined;
  #count: number | undefined;
  #irregular = false;

  /** Whether the last intervals that were compared differ too much for a regular frame rate. */
  get irregular(): boolean {
    return this.#irregular;
  }

  /** Frames missing so far; undefined until the frame rate is known to be regular. */
  get count(): number | undefined {
    return this.#count;
  }

  /** @param timestamp decoding time of the next frame, ms */
  addFrame(timestamp: number): void {
    const intervalMs = timestamp - (this.#last ?? timestamp);
    this.#last = timestamp;
    if (intervalMs <= 0) return;
    if (this.#usualMs !== undefined && intervalMs > this.#usualMs * MISSING_FROM && intervalMs < PAUSE_MS)
      this.#count = (this.#count ?? 0) + Math.round(intervalMs / this.#usualMs) - 1;
    this.#intervals.push(intervalMs);
    if (this.#intervals.length === SAMPLE_SIZE) this.#learn();
  }

  #learn(): void {
    const sorted = this.#intervals.splice(0).sort((a, b) => a - b);
    const median = sorted[SAMPLE_SIZE >> 1] ?? 0;
    const toleranceMs = Math.max(1, median * TOLERANCE);
    const regular = sorted.filter((intervalMs) => Math.abs(intervalMs - median) <= toleranceMs);
    this.#irregular = regular.length < SAMPLE_SIZE * REGULAR_SHARE;
    if (this.#irregular) {
      this.#usualMs = undefined;
      return;
    }
    this.#usualMs = regular.reduce((sum, intervalMs) => sum + intervalMs, 0) / regular.length;
    this.#count ??= 0;
  }
}
