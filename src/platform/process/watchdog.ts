import inspector from 'node:inspector';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { systemClock } from '../clock.js';

/**
 * Signal that ends a process whose event loop hangs. Its default action terminates without a core dump, and nothing
 * else sends it, so that a supervisor can recognise a hang.
 */
export const HANG_SIGNAL = 'SIGALRM';

/** Fields of the memory shared by the main thread and the watchdog thread. */
export const SHARED = { beats: 0, debugged: 1, length: 2 } as const;

export type WatchdogData = {
  shared: Int32Array;
  limitMs: number;
  /** Interval between heartbeats, and between checks. */
  tickMs: number;
  /** Whether a fatal log line is written. */
  logs: boolean;
};

export type WatchdogOptions = {
  /** Time without a turn of the event loop that counts as a hang; default 10,000. */
  limitMs?: number;
  /** Whether a fatal log line is written; default true. */
  logs?: boolean;
};

const DEFAULT_LIMIT_MS = 10_000;
const TICKS_PER_LIMIT = 20;

/**
 * Watches this process's event loop from a separate thread. When it hangs, writes the main thread's stack to standard
 * output as a fatal log line and ends the process by `HANG_SIGNAL`. Does not keep the process alive. Does not count time
 * in which the whole process was stopped or a debugger was attached.
 *
 * @returns a function that stops the watchdog
 */
export function startWatchdog(options: WatchdogOptions = {}): () => void {
  const { limitMs = DEFAULT_LIMIT_MS, logs = true } = options;
  const shared = new Int32Array(new SharedArrayBuffer(SHARED.length * Int32Array.BYTES_PER_ELEMENT));
  const tickMs = Math.ceil(limitMs / TICKS_PER_LIMIT);
  const beat = (): void => {
    Atomics.store(shared, SHARED.debugged, inspector.url() === undefined ? 0 : 1);
    Atomics.add(shared, SHARED.beats, 1);
  };
  beat();
  const stopBeating = systemClock.every(tickMs, beat);
  const file = path.join(import.meta.dirname, `watchdog-thread${path.extname(import.meta.filename)}`);
  const worker = new Worker(file, {
    workerData: { shared, limitMs, tickMs, logs } satisfies WatchdogData,
    resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 },
  });
  // A failed watchdog must not end the process.
  worker.on('error', () => {});
  worker.unref();
  return () => {
    stopBeating();
    void worker.terminate();
  };
}
