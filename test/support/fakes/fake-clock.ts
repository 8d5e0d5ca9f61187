import type { Cancel, Clock } from '../../../src/platform/index.js';

type Timer = { at: number; task: () => void; every?: number };

/** Clock that advances only when the test says so. */
export class FakeClock implements Clock {
  #now: number;
  #timers = new Set<Timer & { cancel: Cancel }>();

  constructor(now = Date.UTC(2026, 0, 1)) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  /** Number of set timers, for tests that look for leaks. */
  get pending(): number {
    return this.#timers.size;
  }

  after(ms: number, task: () => void, signal?: AbortSignal): Cancel {
    return this.#add({ at: this.#now + ms, task }, signal);
  }

  every(ms: number, task: () => void, signal?: AbortSignal): Cancel {
    return this.#add({ at: this.#now + ms, task, every: ms }, signal);
  }

  /** Advances time and runs due timers in order; promises settle between two timers. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const due = [...this.#timers].filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.#now = Math.max(this.#now, due.at);
      if (due.every === undefined) due.cancel();
      else due.at += due.every;
      due.task();
    }
    this.#now = end;
    await new Promise((resolve) => setImmediate(resolve));
  }

  #add(timer: Timer, signal: AbortSignal | undefined): Cancel {
    if (signal?.aborted) return () => {};
    const cancel = (): void => {
      this.#timers.delete(added);
      signal?.removeEventListener('abort', cancel);
    };
    const added = { ...timer, cancel };
    this.#timers.add(added);
    signal?.addEventListener('abort', cancel, { once: true });
    return cancel;
  }
}
