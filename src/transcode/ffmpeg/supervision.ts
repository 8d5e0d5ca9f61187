import { Backoff, type Clock, type Logger, sleep } from '../../platform/index.js';
import type { ProcessEnd } from '../hls/encoder.js';

const RETRY = { initialMs: 50, maximumMs: 2_000, windowMs: 60_000, limit: 6 };

export type SupervisionOptions<End extends ProcessEnd> = {
  /** For people: `encoder`. */
  what: string;
  /** Resolves at a moment at which a process can begin, or when it is over. */
  untilReady(): Promise<void>;
  /** Runs one process. */
  run(): Promise<End>;
  /** Learns from a failure. */
  onFailure?(end: End): void;
  /** After how long to try again though it fails again and again, ms; undefined: never. */
  patienceMs?: number;
  /** No further process begins when this aborts. */
  over: AbortSignal;
  clock: Clock;
  log: Logger;
};

/** Keeps a process running: run, back off, run again. @returns false when it was given up. */
export async function keepRunning<End extends ProcessEnd>(
  options: SupervisionOptions<End>,
): Promise<boolean> {
  const { what, over, clock, log } = options;
  const backoff = new Backoff(clock, RETRY);
  while (!over.aborted) {
    await options.untilReady();
    if (over.aborted) break;
    const end = await options.run();
    if (end.how !== 'failed') continue;
    log.warn({ reason: end.message, ffmpeg: end.lastWords }, `the ${what} failed`);
    if (over.aborted) break;
    options.onFailure?.(end);
    let delay = backoff.failed();
    if (delay === undefined) {
      log.error(`the ${what} fails again and again: giving up`);
      if (options.patienceMs === undefined) return false;
      delay = options.patienceMs;
    }
    await sleep(clock, delay, over);
  }
  return true;
}
