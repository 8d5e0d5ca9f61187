import type { Cancel, Clock } from '../platform/index.js';

/** Does something a while after it was first wanted, once for all who wanted it meanwhile. */
export class Paced {
  readonly #clock: Clock;
  readonly #ms: number;
  readonly #task: () => void;
  #cancel: Cancel | undefined;

  constructor(clock: Clock, ms: number, task: () => void) {
    this.#clock = clock;
    this.#ms = ms;
    this.#task = task;
  }

  want(): void {
    this.#cancel ??= this.#clock.after(this.#ms, () => {
      this.#cancel = undefined;
      this.#task();
    });
  }

  cancel(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
