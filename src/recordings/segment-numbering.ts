/**
 * Numbers of the segments of a broadcast without holes: `msn - msnOffset`. A gateway that resumes a broadcast skips media
 * sequence numbers, which a playlist over that start cannot have.
 */
export class SegmentNumbering {
  #msnOffset: number | undefined;
  #nextNumber: number | undefined;

  /** Of the files that are created from now on. */
  get msnOffset(): number {
    return this.#msnOffset ?? 0;
  }

  /** @param lastNumber number of the last segment that an earlier process has stored */
  continueBehind(lastNumber: number | undefined): void {
    if (lastNumber !== undefined) this.#nextNumber = lastNumber + 1;
  }

  /** To be called with each segment before it is recorded; the first one decides. */
  passes(msn: number): void {
    this.#msnOffset ??= this.#nextNumber === undefined ? 0 : msn - this.#nextNumber;
  }
}
