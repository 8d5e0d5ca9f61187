/** Tells whether media is there, and when that changes. */
export class Presence {
  readonly #listeners = new Set<() => void>();
  #isActive = false;

  get isActive(): boolean {
    return this.#isActive;
  }

  set(isActive: boolean): void {
    if (this.#isActive === isActive) return;
    this.#isActive = isActive;
    for (const listener of [...this.#listeners]) listener();
  }

  /** Calls the listener at each change. It must not throw. @returns a function that removes it */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
