import type { Logger } from '../platform/index.js';

export type PendingSumsOptions<Sums> = {
  /** Adds the second to the first. */
  merge(sums: Sums, further: Sums): void;
  store(sums: Sums[]): Promise<void>;
  log: Logger;
};

/** Sums that wait while the database is away; further ones are not counted then. */
const MAXIMUM_WAITING = 2_000;

/** Sums that are stored from time to time. */
export class PendingSums<Sums> {
  readonly #options: PendingSumsOptions<Sums>;
  readonly #waiting = new Map<string, Sums>();
  #storing: Promise<void> | undefined;
  /** Write of what came during the one that runs. */
  #next: Promise<void> | undefined;

  constructor(options: PendingSumsOptions<Sums>) {
    this.#options = options;
  }

  /** Returns the sums of a key, to be added to. @returns undefined while too many wait */
  open(key: string, create: () => Sums): Sums | undefined {
    const known = this.#waiting.get(key);
    if (known || this.#waiting.size >= MAXIMUM_WAITING) return known;
    const sums = create();
    this.#waiting.set(key, sums);
    return sums;
  }

  /** Stores what waits; what cannot be stored waits on. Never rejects. */
  stored(): Promise<void> {
    if (!this.#storing) return this.#begin();
    this.#next ??= this.#storing.then(() => {
      this.#next = undefined;
      return this.#begin();
    });
    return this.#next;
  }

  #begin(): Promise<void> {
    this.#storing = this.#store().finally(() => {
      this.#storing = undefined;
    });
    return this.#storing;
  }

  async #store(): Promise<void> {
    const waiting = [...this.#waiting];
    if (waiting.length === 0) return;
    this.#waiting.clear();
    const { merge, store, log } = this.#options;
    try {
      await store(waiting.map(([, sums]) => sums));
    } catch (error) {
      log.warn({ err: error }, 'reports of players could not be stored: trying again');
      for (const [key, sums] of waiting) {
        const newer = this.#waiting.get(key);
        if (newer) merge(sums, newer);
        this.#waiting.set(key, sums);
      }
    }
  }
}
