/** Limits concurrent work: file operations of a slow disk must not occupy all threads of the process. */
export class WriteSlots {
  readonly #maximum: number;
  #busy = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  /** Runs `task` when a slot is free, in the order of the calls. Settles as the task does. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#busy >= this.#maximum) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#busy++;
    try {
      return await task();
    } finally {
      // The slot passes to the next one in the queue.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#busy--;
    }
  }
}
