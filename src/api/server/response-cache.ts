import type { Clock } from '../../platform/index.js';

export type ResponseCacheOptions = {
  clock: Clock;
  /** How long an answer is given again, in ms, if nothing is told of a change before. */
  freshMs: number;
  /** Answers kept at most; the oldest is forgotten first. */
  maximum: number;
};

type Entry<T> = { answer: Promise<T>; askedAt: number };

/**
 * Remembers answers for a moment, so that a crowd that asks the same costs as much as one. Who asks while an answer is
 * being found gets that one; failures are not remembered.
 */
export class ResponseCache<T> {
  readonly #options: ResponseCacheOptions;
  readonly #entries = new Map<string, Entry<T>>();

  constructor(options: ResponseCacheOptions) {
    this.#options = options;
  }

  get(question: string, find: () => Promise<T>): Promise<T> {
    const { clock, freshMs, maximum } = this.#options;
    const now = clock.monotonic();
    const known = this.#entries.get(question);
    if (known && now - known.askedAt < freshMs) return known.answer;
    const entry = { answer: find(), askedAt: now };
    this.#entries.delete(question);
    this.#entries.set(question, entry);
    entry.answer.catch(() => {
      if (this.#entries.get(question) === entry) this.#entries.delete(question);
    });
    if (this.#entries.size > maximum) {
      const [oldest] = this.#entries.keys();
      if (oldest !== undefined) this.#entries.delete(oldest);
    }
    return entry.answer;
  }

  /** What is being found at this moment is forgotten too: it may be of before the change. */
  forget(question: string): void {
    this.#entries.delete(question);
  }

  clear(): void {
    this.#entries.clear();
  }
}
