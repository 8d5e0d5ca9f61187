import type { Clock } from '../platform/index.js';

type Known<V> = { value: Promise<V>; until: number };

/** Remembers answers for a short while, in bounded memory; who asks meanwhile waits for the same answer. */
export class Recall<V> {
  readonly #clock: Clock;
  readonly #options: { ttlMs: number; keys: number; keep: (value: V) => boolean };
  readonly #known = new Map<string, Known<V>>();

  /** @param options `keep`: which answers are remembered; the others are asked for again. */
  constructor(clock: Clock, options: { ttlMs: number; keys: number; keep: (value: V) => boolean }) {
    this.#clock = clock;
    this.#options = options;
  }

  get(key: string, ask: () => Promise<V>): Promise<V> {
    const now = this.#clock.monotonic();
    const known = this.#known.get(key);
    if (known && known.until > now) return known.value;
    const value = ask();
    const entry = { value, until: now + this.#options.ttlMs };
    this.#known.delete(key);
    this.#known.set(key, entry);
    const forget = (): void => {
      if (this.#known.get(key) === entry) this.#known.delete(key);
    };
    value.then((answer) => {
      if (!this.#options.keep(answer)) forget();
    }, forget);
    const [oldest] = this.#known.keys();
    if (oldest !== undefined && this.#known.size > this.#options.keys) this.#known.delete(oldest);
    return value;
  }

  forget(key: string): void {
    this.#known.delete(key);
  }
}
