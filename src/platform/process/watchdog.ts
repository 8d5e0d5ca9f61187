import inspector from 'node:inspector';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { systemClock } from '../clock.js';

/**
 * Ends a process whose event loop hangs: terminates by default, writes no core dump, and nothing else sends it, so that
 * supervisors know a hang by it.
 */
export const HANG_SIGNAL = 'SIGALRM';

/** Fields of the memory that the watched thread and its watchdog share. */
export const SHARED = { beats: 0, debugged: 1, length: 2 } as const;

export type WatchdogData = {
  shared: Int32Array;
  limitMs: number;
  /** The watchdog looks at the beats so often. */
  tickMs: number;
  /** Fatal log lines are wanted. */
  logs: boolean;
};

export type WatchdogOptions = {
  /** An event loop that turns no more for so long hangs; default 10,000. */
  limitMs?: number;
  /** Writes the log line; default true. */
  logs?: boolean;
};

const DEFAULT_LIMIT_MS = 10_000;
const TICKS_PER_LIMIT = 20;

/**
 * Watches this process's event loop from a thread of its own. One that hangs has its stack written to standard output, as
 * a fatal line of the log, and is ended by HANG_SIGNAL. Neither keeps the process alive nor counts time in which the whole
 * process was stopped, or in which a debugger was attached.
 *
 * @returns what ends the watch
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
  // Without its watchdog the process goes on as it would have without one.
  worker.on('error', () => {});
  worker.unref();
  return () => {
    stopBeating();
    void worker.terminate();
  };
}
