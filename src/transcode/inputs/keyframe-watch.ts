import type { Logger } from '../../platform/index.js';
import type { Broadcast } from '../../streams/index.js';
import { KEYFRAME_INTERVAL } from '../hls/ladder.js';
import type { BroadcastMemory } from '../transcode-settings.js';

/** Number of measured intervals. */
const MEASURED_INTERVALS = 6;
/** A single deviation may be a scene cut. */
const TOLERATED_OUTLIERS = 1;
/** Maximum relative deviation from the median interval. */
const DEVIATION = 0.25;
/** Tolerance beyond the limits for rounded timestamps, ms. */
const SLACK_MS = 100;

const FAULTS = {
  'too-far-apart': 'are more than 4 s apart',
  'too-close': 'are less than 0.9 s apart',
  irregular: 'come at irregular intervals',
} as const;

/** Has the source's picture encoded from now on, in place of passing it through, and notifies the broadcaster. */
export function encodeSource(
  fault: keyof typeof FAULTS,
  memory: Pick<BroadcastMemory, 'encodeSource'>,
  broadcast: Pick<Broadcast, 'notice'>,
  log: Logger,
): void {
  memory.encodeSource = true;
  broadcast.notice(
    'keyframes',
    `The encoder's keyframes ${FAULTS[fault]}: the picture is encoded again. Set a keyframe interval of 2 s.`,
  );
  log.warn({ fault }, 'the source cannot be passed through');
}

/** Measures the source's keyframe intervals to decide whether its video can be passed through. */
export class KeyframeWatch {
  #first: number | undefined;
  #last: number | undefined;
  #intervals: number[] = [];
  #late = false;

  /** Starts a new timeline. */
  reset(): void {
    this.#first = undefined;
    this.#last = undefined;
    this.#intervals = [];
    this.#late = false;
  }

  /** Records a video frame. @param timestamp ms */
  picture(timestamp: number, keyframe: boolean): void {
    this.#first ??= timestamp;
    const since = this.#last ?? this.#first;
    if (timestamp - since > KEYFRAME_INTERVAL.most * 1000 + SLACK_MS) this.#late = true;
    if (!keyframe) return;
    if (this.#last !== undefined) {
      this.#intervals.push(timestamp - this.#last);
      if (this.#intervals.length > MEASURED_INTERVALS) this.#intervals.shift();
    }
    this.#last = timestamp;
  }

  /** Median interval, ms; undefined before the first. */
  get interval(): number | undefined {
    const sorted = [...this.#intervals].sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)];
  }

  /** Reason against passing the video through; undefined without one. */
  get fault(): 'too-far-apart' | 'too-close' | 'irregular' | undefined {
    if (this.#late) return 'too-far-apart';
    const usual = this.interval;
    if (usual === undefined) return undefined;
    const close = this.#intervals.filter(
      (interval) => interval < KEYFRAME_INTERVAL.least * 1000 - SLACK_MS / 2,
    );
    if (close.length > TOLERATED_OUTLIERS && usual < KEYFRAME_INTERVAL.least * 1000) return 'too-close';
    const odd = this.#intervals.filter((interval) => Math.abs(interval - usual) > usual * DEVIATION);
    return odd.length > TOLERATED_OUTLIERS ? 'irregular' : undefined;
  }
}
