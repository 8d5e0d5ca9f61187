import type { Cancel, Clock } from '../platform/index.js';

/** Runs a task `delayMs` after the first request for it; requests in between are merged. */
export class Throttle {
  readonly #clock: Clock;
  readonly #delayMs: number;
  readonly #task: () => void;
  #cancel: Cancel | undefined;

  constructor(clock: Clock, delayMs: number, task: () => void) {
    this.#clock = clock;
    this.#delayMs = delayMs;
    this.#task = task;
  }

  schedule(): void {
    this.#cancel ??= this.#clock.after(this.#delayMs, () => {
      this.#cancel = undefined;
      this.#task();
    });
  }

  cancel(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
