import type { Ladder } from './ladder.js';

/** Progress of a running encoder. */
export type LoadSample = {
  /** Monotonic ms. */
  at: number;
  /** Lag of output behind input, ms of media. */
  lag: number;
  /** Media time of the output, ms. */
  position: number;
};

/** Distinguishes a slow encoder from a moment's load. */
const WINDOW_MS = 4_000;
/** Encoders start slowly, and the first frames come in a burst. */
const START_UP_MS = 3_000;
/** A smaller lag is ignored. */
const BEHIND_MS = 1_000;
/** Minimum speed that catches up in useful time. */
const CATCH_UP_SPEED = 1.05;

/**
 * Detects an encoder too slow for its ladder. With a lag its input is never empty, so its speed is its capacity. After
 * a publisher's burst it lags too, but catches up.
 */
export class LoadWatch {
  /** Samples since the lag began. */
  #samples: LoadSample[] = [];
  #first: LoadSample | undefined;
  #newest: LoadSample | undefined;

  /** @returns the speed (media time per time) when it was too low for the whole window */
  measure(sample: LoadSample): number | undefined {
    this.#first ??= sample;
    this.#newest = sample;
    if (sample.at - this.#first.at < START_UP_MS || sample.lag < BEHIND_MS) {
      this.#samples = [];
      return undefined;
    }
    this.#samples.push(sample);
    while (this.#samples[1] && sample.at - this.#samples[1].at >= WINDOW_MS) this.#samples.shift();
    const oldest = this.#samples[0];
    if (!oldest || sample.at - oldest.at < WINDOW_MS) return undefined;
    const { speed } = this;
    return speed < CATCH_UP_SPEED ? speed : undefined;
  }

  /** Media time per time since the lag began, at the start since the first sample; 0 before two samples. */
  get speed(): number {
    const from = this.#samples.length > 1 ? this.#samples[0] : this.#first;
    const to = this.#newest;
    return from && to && to !== from ? (to.position - from.position) / (to.at - from.at) : 0;
  }
}

/** Share of the capacity that the remaining renditions may use. */
const HEADROOM = 0.9;

/**
 * Chooses renditions to remove until the rest can run at speed 1: those that no viewer watches first, and of them the
 * most expensive. Passed-through renditions and the last video rendition stay; may be empty.
 */
export function renditionsToShed(
  ladder: Ladder,
  speed: number,
  isWatched: (renditionId: string) => boolean,
): string[] {
  const encoded = ladder.video
    .filter((rendition) => !rendition.passthrough)
    .sort((a, b) => Number(isWatched(a.id)) - Number(isWatched(b.id)) || b.cost - a.cost);
  const spare = encoded.length === ladder.video.length ? 1 : 0;
  const total = encoded.reduce((sum, { cost }) => sum + cost, 0);
  const shed: string[] = [];
  let left = total;
  for (const { id, cost } of encoded.slice(0, encoded.length - spare)) {
    if (shed.length > 0 && left <= total * speed * HEADROOM) break;
    shed.push(id);
    left -= cost;
  }
  return shed;
}
