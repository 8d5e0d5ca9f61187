import type { Ladder } from './ladder.js';

/** One look at a running encoder. */
export type LoadSample = {
  /** Monotonic ms. */
  at: number;
  /** How far what came out is behind what came in, in ms of media. */
  lag: number;
  /** Media time of what came out, ms. */
  position: number;
};

/** Long enough to tell a slow encoder from a moment's load. */
const WINDOW_MS = 4_000;
/** Starting is expensive and the first pictures come in a burst. */
const START_UP_MS = 3_000;
/** Behind by less than this there is nothing to complain of. */
const BEHIND_MS = 1_000;
/** Slower than this it will not catch up in a useful time. */
const CATCHING_UP = 1.05;

/**
 * Tells whether an encoder is too slow for its ladder. While it is behind, its input is never empty, so that its
 * speed is its capacity: below 1 it falls back further for ever. A burst from the publisher makes it fall behind
 * too, but then it catches up.
 */
export class LoadWatch {
  #samples: LoadSample[] = [];
  #first: number | undefined;

  /** @returns the speed (media time per time) when it is too low and has been for the whole window. */
  look(sample: LoadSample): number | undefined {
    this.#first ??= sample.at;
    if (sample.at - this.#first < START_UP_MS || sample.lag < BEHIND_MS) {
      this.#samples = [];
      return undefined;
    }
    this.#samples.push(sample);
    while (this.#samples[1] && sample.at - this.#samples[1].at >= WINDOW_MS) this.#samples.shift();
    const oldest = this.#samples[0];
    if (!oldest || sample.at - oldest.at < WINDOW_MS) return undefined;
    const speed = (sample.position - oldest.position) / (sample.at - oldest.at);
    return speed < CATCHING_UP ? speed : undefined;
  }
}

/** Part of the machine that is left free when renditions are given up. */
const HEADROOM = 0.9;

/**
 * Which renditions to give up, the most expensive first, so that the rest can be made at a speed of 1. Never one
 * that is passed through, and never the last picture. Empty: nothing can be given up.
 */
export function renditionsToShed(ladder: Ladder, speed: number): string[] {
  const encoded = ladder.video.filter((rendition) => !rendition.passthrough).sort((a, b) => b.cost - a.cost);
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
