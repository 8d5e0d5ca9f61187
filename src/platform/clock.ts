/** Cancels a timer; calling it twice does no harm. */
export type Cancel = () => void;

/**
 * Time as the gateway sees it, so that tests can hold it. Every timer hangs on a signal:
 * when the signal aborts, the timer is gone.
 */
export type Clock = {
  /** Wall-clock time, Unix milliseconds. */
  now(): number;
  /** Milliseconds from an arbitrary origin that never jump or run backwards. */
  monotonic(): number;
  /**
   * Runs `task` once after `ms` milliseconds, or after 24.8 days when that is longer or no number. Never keeps the process
   * alive by itself.
   */
  after(ms: number, task: () => void, signal?: AbortSignal): Cancel;
  /** Runs `task` every `ms` milliseconds, within the same bound. Never keeps the process alive by itself. */
  every(ms: number, task: () => void, signal?: AbortSignal): Cancel;
};

/** Node takes a longer time, and what is no number, for 1 ms: a task that sets its timer again would never pause. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

function boundedMs(ms: number): number {
  return Number.isNaN(ms) ? LONGEST_TIMER_MS : Math.min(ms, LONGEST_TIMER_MS);
}

function hang(clear: () => void, signal: AbortSignal | undefined): Cancel {
  if (!signal) return clear;
  signal.addEventListener('abort', clear, { once: true });
  return () => {
    signal.removeEventListener('abort', clear);
    clear();
  };
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, task, signal) {
    if (signal?.aborted) return () => {};
    const timer = setTimeout(() => {
      cancel();
      task();
    }, boundedMs(ms));
    timer.unref();
    const cancel = hang(() => clearTimeout(timer), signal);
    return cancel;
  },
  every(ms, task, signal) {
    if (signal?.aborted) return () => {};
    const timer = setInterval(task, boundedMs(ms));
    timer.unref();
    return hang(() => clearInterval(timer), signal);
  },
};

/** Resolves after `ms`, or at once when the signal aborts (it never rejects: look at the signal). */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = (): void => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(ms, done);
    signal?.addEventListener('abort', done, { once: true });
  });
}

/**
 * Waits `ms` of real time and keeps the process alive meanwhile: for polling other processes while the gateway starts
 * or stops, when nothing else may hold the event loop open.
 */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
