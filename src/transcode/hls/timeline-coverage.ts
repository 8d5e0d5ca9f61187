import { TIMELINE_START_MS } from '../ffmpeg/ffmpeg-arguments.js';

/** FLV timestamps have 31 bits; near the limit a new run starts with a smaller one. */
const MAXIMUM_TIMESTAMP_MS = 0x7fff_ffff - 60_000;

/** How far a timeline of FLV tags has been encoded, and what keeps its timestamps within 31 bits. All in ms. */
export class TimelineCoverage {
  #base = 0;
  #covered: number | undefined;

  /** Subtracted from the timestamps of the next run. */
  get base(): number {
    return this.#base;
  }

  /** Timestamp up to which the timeline has been encoded; undefined: not at all. */
  get covered(): number | undefined {
    return this.#covered;
  }

  /** Starts a new timeline. */
  reset(): void {
    this.#base = 0;
    this.#covered = undefined;
  }

  /** Forgets what was encoded in other runs. */
  forget(): void {
    this.#covered = undefined;
  }

  /** Forgets what was encoded beyond a timestamp: it is needed again. */
  restartAt(timestamp: number): void {
    this.#covered = timestamp;
  }

  cover(timestamp: number | undefined): void {
    if (timestamp !== undefined) this.#covered = Math.max(this.#covered ?? 0, timestamp);
  }

  /** Chooses the base of a run that starts with this timestamp. */
  rebase(first: number): void {
    if (first - this.#base + TIMELINE_START_MS > MAXIMUM_TIMESTAMP_MS / 2) this.#base = first;
  }

  /** Whether the run must be replaced before its timestamps overflow. */
  overflows(timestamp: number): boolean {
    return timestamp - this.#base > MAXIMUM_TIMESTAMP_MS;
  }
}
