import { KEYFRAME_INTERVAL } from '../hls/ladder.js';

/** So many intervals are looked at. */
const MEMORY = 6;
/** One interval that differs can be a scene cut; two of them are a habit. */
const TOLERATED = 1;
/** By which share of the usual interval another may differ. */
const DEVIATION = 0.25;
/** Timestamps are whole milliseconds and encoders round: allowed beyond the limits, ms. */
const SLACK = 100;

/** Watches how far the source's keyframes are apart, to tell whether its picture can be passed through. */
export class KeyframeWatch {
  #last: number | undefined;
  #intervals: number[] = [];
  #late = false;

  /** A new timeline begins. */
  reset(): void {
    this.#last = undefined;
    this.#intervals = [];
    this.#late = false;
  }

  /** Notes a picture. @param timestamp ms. */
  picture(timestamp: number, keyframe: boolean): void {
    if (this.#last !== undefined && timestamp - this.#last > KEYFRAME_INTERVAL.most * 1000 + SLACK)
      this.#late = true;
    if (!keyframe) return;
    if (this.#last !== undefined) {
      this.#intervals.push(timestamp - this.#last);
      if (this.#intervals.length > MEMORY) this.#intervals.shift();
    }
    this.#last = timestamp;
  }

  /** The usual interval in ms; undefined while there was none. */
  get interval(): number | undefined {
    const sorted = [...this.#intervals].sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)];
  }

  /** Why the picture cannot be passed through; undefined while nothing speaks against it. */
  get fault(): 'too-far-apart' | 'too-close' | 'irregular' | undefined {
    if (this.#late) return 'too-far-apart';
    const usual = this.interval;
    if (usual === undefined) return undefined;
    const close = this.#intervals.filter((interval) => interval < KEYFRAME_INTERVAL.least * 1000 - SLACK / 2);
    if (close.length > TOLERATED && usual < KEYFRAME_INTERVAL.least * 1000) return 'too-close';
    const odd = this.#intervals.filter((interval) => Math.abs(interval - usual) > usual * DEVIATION);
    return odd.length > TOLERATED ? 'irregular' : undefined;
  }
}
