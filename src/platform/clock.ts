/** Cancels a timer. Idempotent. */
export type Cancel = () => void;

/**
 * Source of time and timers, injected so that tests control it. A timer given a signal is cancelled when the signal
 * aborts.
 */
export type Clock = {
  /** Wall-clock time, Unix milliseconds. */
  now(): number;
  /** Milliseconds from an arbitrary origin that never jump or run backwards. */
  monotonic(): number;
  /** Runs `task` once after `ms` milliseconds, without an upper limit (NaN: 24.8 days). Does not keep the process alive. */
  after(ms: number, task: () => void, signal?: AbortSignal): Cancel;
  /** Runs `task` every `ms` milliseconds (at most 24.8 days). Does not keep the process alive. */
  every(ms: number, task: () => void, signal?: AbortSignal): Cancel;
};

function bindToSignal(clear: () => void, signal: AbortSignal | undefined): Cancel {
  if (!signal) return clear;
  signal.addEventListener('abort', clear, { once: true });
  return () => {
    signal.removeEventListener('abort', clear);
    clear();
  };
}

/** Longest delay of Node's timers: a longer one, and NaN, fires after 1 ms, so that a repeated task would never pause. */
const MAXIMUM_DELAY_MS = 2 ** 31 - 1;

/** Returns a delay within the range of Node's timers; NaN counts as the longest. */
function boundedMs(ms: number): number {
  return Number.isNaN(ms) ? MAXIMUM_DELAY_MS : Math.min(ms, MAXIMUM_DELAY_MS);
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, task, signal) {
    if (signal?.aborted) return () => {};
    let timer: NodeJS.Timeout;
    const wait = (leftMs: number): void => {
      const delayMs = boundedMs(leftMs);
      timer = setTimeout(() => {
        if (leftMs > delayMs) return wait(leftMs - delayMs);
        cancel();
        task();
      }, delayMs);
      timer.unref();
    };
    wait(ms);
    const cancel = bindToSignal(() => clearTimeout(timer), signal);
    return cancel;
  },
  every(ms, task, signal) {
    if (signal?.aborted) return () => {};
    const timer = setInterval(task, boundedMs(ms));
    timer.unref();
    return bindToSignal(() => clearInterval(timer), signal);
  },
};

/** Resolves after `ms`, or at once when the signal aborts. Never rejects: callers check the signal. */
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
