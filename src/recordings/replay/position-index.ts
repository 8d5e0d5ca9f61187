/** Segment of a playlist. */
type Dated = { programDateTimeMs: number; durationS: number };

/** Converts between dates of media and positions in a playlist, which for a recording of a day has tens of thousands of segments. */
export class PositionIndex {
  readonly #segments: readonly Dated[];
  /** Position at which each segment ends, s. */
  readonly #endsS: Float64Array;
  /** Latest date, Unix ms, at which it or one before it ends: dates may step back. */
  readonly #latestEndsMs: Float64Array;

  constructor(segments: readonly Dated[]) {
    this.#segments = segments;
    this.#endsS = new Float64Array(segments.length);
    this.#latestEndsMs = new Float64Array(segments.length);
    let [endS, latestEndMs] = [0, Number.NEGATIVE_INFINITY];
    for (const [index, { programDateTimeMs, durationS }] of segments.entries()) {
      endS += durationS;
      latestEndMs = Math.max(latestEndMs, programDateTimeMs + durationS * 1_000);
      this.#endsS[index] = endS;
      this.#latestEndsMs[index] = latestEndMs;
    }
  }

  /** Duration of the playlist, s. */
  get durationS(): number {
    return this.#endsS.at(-1) ?? 0;
  }

  /** Returns the position of a date (Unix ms), s; the end for a date behind it. */
  positionOf(dateMs: number): number {
    const index = firstAbove(this.#latestEndsMs, dateMs);
    const segment = this.#segments[index];
    if (!segment) return this.durationS;
    return (this.#endsS[index - 1] ?? 0) + Math.max(0, dateMs - segment.programDateTimeMs) / 1_000;
  }

  /** Returns the date (Unix ms) of a position, s; that of the end for a position behind it. */
  dateOf(positionS: number): number {
    const index = firstAbove(this.#endsS, positionS);
    const segment = this.#segments[index];
    if (segment)
      return segment.programDateTimeMs + Math.max(0, positionS - (this.#endsS[index - 1] ?? 0)) * 1_000;
    const last = this.#segments.at(-1);
    return last ? last.programDateTimeMs + last.durationS * 1_000 : 0;
  }
}

/** Returns the index of the first value above a bound; the length if there is none. @param values ascending */
function firstAbove(values: Float64Array, bound: number): number {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle]! > bound) high = middle;
    else low = middle + 1;
  }
  return low;
}
