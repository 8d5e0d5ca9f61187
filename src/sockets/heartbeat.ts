import type { Clock } from '../platform/index.js';

/** How often a client is looked after, ms. */
const EVERY_MS = 25_000;
/** Not all at once: clients that came together, as after a restart, would be asked together for ever. */
const SLOT_MS = 1_000;
const SLOTS = EVERY_MS / SLOT_MS;

/** Looks after everybody every 25 s, a part of them each second, by one timer. */
export class Heartbeat {
  readonly #slots: Set<() => void>[] = Array.from({ length: SLOTS }, () => new Set());
  /** Where it looked last. */
  #slot = 0;

  /** @param signal ends it. */
  start(clock: Clock, signal: AbortSignal): void {
    clock.every(SLOT_MS, () => this.#next(), signal);
  }

  /** Calls `beat` every 25 s from now on, until the returned function is called. */
  add(beat: () => void): () => void {
    const slot = this.#slots[this.#slot];
    slot?.add(beat);
    return () => slot?.delete(beat);
  }

  #next(): void {
    this.#slot = (this.#slot + 1) % SLOTS;
    for (const beat of this.#slots[this.#slot] ?? []) beat();
  }
}
