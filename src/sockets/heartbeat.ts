import type { Clock } from '../platform/index.js';

/** Interval of the heartbeat of one client. */
const INTERVAL_MS = 25_000;
/** Spreads clients that connected together, as after a restart, over the interval. */
const SLOT_MS = 1_000;
const SLOTS = INTERVAL_MS / SLOT_MS;

/** Calls every client's heartbeat each 25 s by one timer that serves one slot per second. */
export class Heartbeat {
  readonly #slots: Set<() => void>[] = Array.from({ length: SLOTS }, () => new Set());
  /** The slot that was served last. */
  #slot = 0;

  /** @param signal stops the timer */
  start(clock: Clock, signal: AbortSignal): void {
    clock.every(SLOT_MS, () => this.#next(), signal);
  }

  /** Calls `beat` every 25 s until the returned function is called. */
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
