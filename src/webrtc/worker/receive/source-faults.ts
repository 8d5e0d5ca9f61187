import type { Clock } from '../../../platform/index.js';
import type { SourceFault } from '../../pool-types.js';
import type { MediaSource } from './media-source.js';

const CHECK_MS = 1_000;
/** Time for a publisher to send anything that can be played, ms. */
const PLAYABLE_WITHIN_MS = 25_000;
/** Time for which a keyframe is requested in vain, ms. */
const KEYFRAME_WITHIN_MS = 25_000;
/** Time for a negotiated kind to come, or to return, beside the other, ms. */
const ABSENT_AFTER_MS = 10_000;

export type SourceFaultsOptions = {
  mediaSource: MediaSource;
  clock: Clock;
  signal: AbortSignal;
  /** Arrival of the publisher's last video packet, monotonic ms: layers may show a slate since. */
  lastVideoAt(): number;
  /** Called with all faults when they change. */
  faultsChanged(faults: SourceFault[]): void;
};

/**
 * Detects what viewers miss of a connected publisher's media. Video in which a keyframe is awaited is asked for one
 * until it comes, also before it has viewers.
 */
export class SourceFaults {
  readonly #options: SourceFaultsOptions;
  readonly #startedAt: number;
  #reported = '';

  constructor(options: SourceFaultsOptions) {
    this.#options = options;
    this.#startedAt = options.clock.monotonic();
    options.clock.every(CHECK_MS, () => this.#check(), options.signal);
  }

  #check(): void {
    const faults = this.#faults(this.#options.clock.monotonic());
    const text = faults.join();
    if (text === this.#reported) return;
    this.#reported = text;
    this.#options.faultsChanged(faults);
  }

  #faults(now: number): SourceFault[] {
    const { layers, audio } = this.#options.mediaSource;
    const awaitedMs = this.#keyframeAwaitedMs(now);
    const isPlayable = audio?.head !== undefined && audio.head >= 0;
    if (!isPlayable && layers.every(({ hasRandomAccess }) => !hasRandomAccess)) {
      if (now - this.#startedAt < PLAYABLE_WITHIN_MS) return [];
      return [layers.some(({ active }) => active) ? 'no-playable-video' : 'no-media'];
    }
    const faults: SourceFault[] = [];
    const { lastVideoAt } = this.#options;
    const video = layers.length > 0 ? absence(lastVideoAt(), this.#startedAt, now) : undefined;
    const sound = audio && absence(audio.meter.lastAt, this.#startedAt, now);
    if (video) faults.push(`video-${video}`);
    if (sound) faults.push(`audio-${sound}`);
    if (awaitedMs >= KEYFRAME_WITHIN_MS) faults.push('no-keyframe');
    return faults;
  }

  /** Requests the keyframes that are awaited. @returns the longest time, ms, for which a layer that is sent owes one */
  #keyframeAwaitedMs(now: number): number {
    let longestMs = 0;
    for (const layer of this.#options.mediaSource.layers) {
      if (!layer.active) continue;
      if (layer.hasRandomAccess && layer.keyframeAwaitedSince === undefined) continue;
      layer.requestKeyframe();
      longestMs = Math.max(longestMs, now - (layer.keyframeAwaitedSince ?? now));
    }
    return longestMs;
  }
}

/** How a negotiated kind is absent; undefined: it is there, or not for long enough. */
function absence(lastAt: number, startedAt: number, now: number): 'missing' | 'stopped' | undefined {
  if (now - Math.max(startedAt, lastAt) < ABSENT_AFTER_MS) return undefined;
  return lastAt < startedAt ? 'missing' : 'stopped';
}
