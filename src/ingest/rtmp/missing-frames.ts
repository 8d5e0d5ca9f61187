/** The usual distance of two pictures is found anew from so many. */
const SAMPLE = 15;
/** So much of a sample must be near its median for the pictures to come regularly at all. */
const REGULAR_SHARE = 0.7;
/** Near is so far away, in parts of the median; at least a millisecond, as times are rounded to that. */
const NEAR = 0.25;
/** A distance of so many usual ones has a picture missing in it. */
const MISSING_FROM = 1.5;
/** A longer pause is one, and not missing pictures, in ms. */
const PAUSE_MS = 10_000;

/**
 * Counts the pictures that an encoder left out, as they do when the line is too slow, by the holes in the times of those
 * that came. Says nothing of sources whose pictures come irregularly by nature.
 */
export class MissingFrames {
  readonly #distances: number[] = [];
  #last: number | undefined;
  #usual: number | undefined;
  #count: number | undefined;

  /** So far; undefined until it is known that pictures come regularly. */
  get count(): number | undefined {
    return this.#count;
  }

  /** @param timestamp of decoding, ms, of the next picture. */
  see(timestamp: number): void {
    const distance = timestamp - (this.#last ?? timestamp);
    this.#last = timestamp;
    if (distance <= 0) return;
    if (this.#usual !== undefined && distance > this.#usual * MISSING_FROM && distance < PAUSE_MS)
      this.#count = (this.#count ?? 0) + Math.round(distance / this.#usual) - 1;
    this.#distances.push(distance);
    if (this.#distances.length === SAMPLE) this.#learn();
  }

  #learn(): void {
    const sorted = this.#distances.splice(0).sort((a, b) => a - b);
    const median = sorted[SAMPLE >> 1] ?? 0;
    const near = Math.max(1, median * NEAR);
    const regular = sorted.filter((distance) => Math.abs(distance - median) <= near);
    if (regular.length < SAMPLE * REGULAR_SHARE) {
      this.#usual = undefined;
      return;
    }
    this.#usual = regular.reduce((sum, distance) => sum + distance, 0) / regular.length;
    this.#count ??= 0;
  }
}
