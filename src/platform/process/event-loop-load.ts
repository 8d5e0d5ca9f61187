import { type EventLoopUtilization, performance } from 'node:perf_hooks';
import type { Clock } from '../clock.js';

const INTERVAL_MS = 500;
/** Share of the newest interval in the average: bursts of a second do not count as full. */
const NEWEST_SHARE = 0.25;
/** Shares of busy time above which the event loop is full, and below which it is no longer. */
const FULL_SHARE = { above: 0.92, below: 0.85 } as const;

/** Reads the times in which the event loop was active and idle since `before`, as `performance.eventLoopUtilization`. */
type ReadUtilization = (before?: EventLoopUtilization) => EventLoopUtilization;

/** Measures which share of its time the event loop is busy, to refuse new work before nobody is served. */
export class EventLoopLoad {
  #before: EventLoopUtilization;
  #share = 0;
  #isFull = false;

  constructor(clock: Pick<Clock, 'every'>, signal: AbortSignal, read: ReadUtilization = readUtilization) {
    this.#before = read();
    clock.every(
      INTERVAL_MS,
      () => {
        const now = read();
        const activeMs = now.active - this.#before.active;
        const totalMs = activeMs + now.idle - this.#before.idle;
        this.#before = now;
        const share = totalMs > 0 ? activeMs / totalMs : 1;
        this.#share += (share - this.#share) * NEWEST_SHARE;
        this.#isFull = this.#share > (this.#isFull ? FULL_SHARE.below : FULL_SHARE.above);
      },
      signal,
    );
  }

  /** Busy share of about the last 2 s, 0 to 1. */
  get share(): number {
    return this.#share;
  }

  /** Further work would delay that of everybody. */
  get isFull(): boolean {
    return this.#isFull;
  }
}

/** @returns a function that measures the busy share of the event loop since its last call, 0 to 1 */
export function measureUtilization(): () => number {
  let last = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    return utilization;
  };
}

function readUtilization(): EventLoopUtilization {
  return performance.eventLoopUtilization();
}
