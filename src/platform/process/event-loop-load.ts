import { performance } from 'node:perf_hooks';
import type { Clock } from '../clock.js';

const INTERVAL_MS = 500;
/** Share of the newest interval in the average: bursts of a second do not count as full. */
const NEWEST_SHARE = 0.25;
/** Shares of own work above which the event loop is full, and below which it is no longer. */
const FULL_SHARE = { above: 0.92, below: 0.85 } as const;
/** The same of active time, whoever has the processor in it: beyond that there is more work than the processor is given for. */
const STARVED_SHARE = { above: 0.985, below: 0.95 } as const;

/** Times since any moment, ms: the event loop active and idle, as `performance.eventLoopUtilization`, and processor time of the process. */
type Times = { active: number; idle: number; processor: number };

/**
 * Measures which share of its time the event loop works, to refuse new work before nobody is served. It is active, but does not work,
 * while other programs have its processor: the processor time of the process, an upper bound of that of its main thread, tells
 * this apart.
 */
export class EventLoopLoad {
  #before: Times;
  #share = 0;
  #activeShare = 0;
  #isFull = false;

  constructor(clock: Pick<Clock, 'every'>, signal: AbortSignal, read: () => Times = readTimes) {
    this.#before = read();
    clock.every(
      INTERVAL_MS,
      () => {
        const now = read();
        const activeMs = now.active - this.#before.active;
        const processorMs = now.processor - this.#before.processor;
        const totalMs = activeMs + now.idle - this.#before.idle;
        this.#before = now;
        const workedMs = Math.min(activeMs, processorMs);
        this.#share += ((totalMs > 0 ? workedMs / totalMs : 1) - this.#share) * NEWEST_SHARE;
        this.#activeShare += ((totalMs > 0 ? activeMs / totalMs : 1) - this.#activeShare) * NEWEST_SHARE;
        const limit = this.#isFull ? 'below' : 'above';
        this.#isFull = this.#share > FULL_SHARE[limit] || this.#activeShare > STARVED_SHARE[limit];
      },
      signal,
    );
  }

  /** Share of about the last 2 s in which the event loop worked, 0 to 1. */
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

function readTimes(): Times {
  const { user, system } = process.cpuUsage();
  return { ...performance.eventLoopUtilization(), processor: (user + system) / 1_000 };
}
