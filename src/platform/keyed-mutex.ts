/** Lets what concerns one key happen one after the other; different keys do not wait for each other. */
export class KeyedMutex {
  /** The last thing under way for a key. */
  readonly #last = new Map<string, Promise<unknown>>();

  /** Runs `task` when everything that was begun before for this key is over, however it ended. */
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

  /** Resolves when what is under way now is over. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#last.values());
  }
}
