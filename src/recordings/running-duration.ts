/** Segment of a rendition in an encoder run. */
type Counted = { run: number; renditionId: string; durationS: number };

/**
 * Duration of a recording while it runs. In each encoder run the rendition with the most media counts: renditions begin
 * and end within it.
 */
export class RunningDuration {
  /** Runs before the current one. */
  #endedS: number;
  #run = -1;
  readonly #renditions = new Map<string, number>();

  /** @param beforeS media of an earlier process */
  constructor(beforeS: number) {
    this.#endedS = beforeS;
  }

  add({ run, renditionId, durationS }: Counted): void {
    if (run > this.#run) {
      this.#endedS = this.totalS;
      this.#run = run;
      this.#renditions.clear();
    }
    if (run === this.#run)
      this.#renditions.set(renditionId, (this.#renditions.get(renditionId) ?? 0) + durationS);
  }

  get totalS(): number {
    return this.#endedS + Math.max(0, ...this.#renditions.values());
  }
}
