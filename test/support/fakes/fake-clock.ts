import type { Cancel, Clock } from '../../../src/platform/index.js';

type Timer = { at: number; task: () => void; every?: number };

/** A clock that stands still until a test moves it. */
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

  /** How many timers are set: for tests that look for leaks. */
  get pending(): number {
    return this.#timers.size;
  }

  after(ms: number, task: () => void, signal?: AbortSignal): Cancel {
    return this.#add({ at: this.#now + ms, task }, signal);
  }

  every(ms: number, task: () => void, signal?: AbortSignal): Cancel {
    return this.#add({ at: this.#now + ms, task, every: ms }, signal);
  }

  /** Moves time forward, running what falls due in order; between two timers promises may settle. */
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
