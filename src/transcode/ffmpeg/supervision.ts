import { Backoff, type Clock, type Logger, sleep } from '../../platform/index.js';
import type { ProcessEnd } from '../hls/encoder.js';

const RETRY = { initialMs: 50, maximumMs: 2_000, windowMs: 60_000, limit: 6 };

export type SupervisionOptions<End extends ProcessEnd> = {
  /** Name for the log: `encoder`. */
  name: string;
  /** Resolves when a process can start, or when `over` aborts. */
  untilReady(): Promise<void>;
  /** Runs one process. */
  run(): Promise<End>;
  /** Called after a failure. */
  onFailure?(end: End): void;
  /** Delay after too many failures, ms; undefined: give up. */
  patienceMs?: number;
  /** Stops the supervision. */
  over: AbortSignal;
  clock: Clock;
  log: Logger;
};

/** Restarts a process with backoff until `over` aborts. @returns false when it was given up */
export async function keepRunning<End extends ProcessEnd>(
  options: SupervisionOptions<End>,
): Promise<boolean> {
  const { name, over, clock, log } = options;
  const backoff = new Backoff(clock, RETRY);
  while (!over.aborted) {
    await options.untilReady();
    if (over.aborted) break;
    const end = await options.run();
    if (end.how !== 'failed') continue;
    log.warn({ reason: end.message, ffmpeg: end.lastLines }, `the ${name} failed`);
    if (over.aborted) break;
    options.onFailure?.(end);
    let delayMs = backoff.failed();
    if (delayMs === undefined) {
      log.error(`the ${name} failed too often: giving up`);
      if (options.patienceMs === undefined) return false;
      delayMs = options.patienceMs;
    }
    await sleep(clock, delayMs, over);
  }
  return true;
}
