/** Runs the tasks of one object one after another, in the order of the calls. */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `task` after all earlier ones have settled. Settles as the task does. */
  run<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(task, task);
    this.#last = turn;
    turn.catch(() => {});
    return turn;
  }
}

/** Runs the tasks of one key one after another; those of different keys run concurrently. */
export class KeyedMutex {
  /** Last task of each key with tasks in progress. */
  readonly #last = new Map<string, Promise<unknown>>();

  /** Runs `task` after all earlier ones of this key have settled. Settles as the task does. */
  run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve();
    const turn = before.then(task, task);
    this.#last.set(key, turn);
    const done = (): void => {
      if (this.#last.get(key) === turn) this.#last.delete(key);
    };
    turn.then(done, done);
    return turn;
  }

  /** Resolves when all tasks that are in progress now have settled. Never rejects. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#last.values());
  }
}
