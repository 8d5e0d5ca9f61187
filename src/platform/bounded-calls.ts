import type { Cancel, Clock } from './clock.js';
import { databaseLate } from './database/database-away.js';

export type BoundedCallsOptions = {
  clock: Clock;
  /** Maximum wait for one call. */
  timeoutMs?: number;
  /** Maximum pending overdue calls; at the maximum, one new call per `timeoutMs` is made. */
  maxOverdue?: number;
};

const TIMEOUT_MS = 1_000;
/** Lateness of a timer from which on the process itself stood still, ms: answers may wait to be read. */
const STALL_MS = 100;
const MAX_OVERDUE = 20;

/**
 * Bounds calls to a database that may hang: each is awaited for at most `timeoutMs`, and pending calls do not accumulate
 * in the connection pool, whose queue is unbounded. An overdue call continues; its result is dropped. Time for which the
 * event loop of this process was blocked does not count, up to another `timeoutMs`.
 */
export class BoundedCalls {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #maxOverdue: number;
  #overdue = 0;
  #calledAt = Number.NEGATIVE_INFINITY;

  constructor({ clock, timeoutMs = TIMEOUT_MS, maxOverdue = MAX_OVERDUE }: BoundedCallsOptions) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#maxOverdue = maxOverdue;
  }

  /** Number of pending calls that exceeded the timeout. */
  get overdue(): number {
    return this.#overdue;
  }

  /** @throws PublicError 503 `temporarily_unavailable` after `timeoutMs`, or at once while too many calls are overdue */
  run<T>(call: () => Promise<T>): Promise<T> {
    const now = this.#clock.monotonic();
    if (this.#overdue >= this.#maxOverdue && now - this.#calledAt < this.#timeoutMs)
      return Promise.reject(databaseLate());
    this.#calledAt = now;
    return new Promise<T>((resolve, reject) => {
      let isOverdue = false;
      let cancel: Cancel;
      let extensionMs = this.#timeoutMs;
      const wait = (waitMs: number): void => {
        const dueAt = this.#clock.monotonic() + waitMs;
        cancel = this.#clock.after(waitMs, () => {
          const lateMs = this.#clock.monotonic() - dueAt;
          if (lateMs > STALL_MS && extensionMs > 0) {
            const moreMs = Math.min(lateMs, extensionMs);
            extensionMs -= moreMs;
            return wait(moreMs);
          }
          isOverdue = true;
          this.#overdue++;
          reject(databaseLate());
        });
      };
      wait(this.#timeoutMs);
      const settled = (): void => {
        if (isOverdue) this.#overdue--;
        else cancel();
      };
      call().then(
        (value) => {
          settled();
          resolve(value);
        },
        (error: unknown) => {
          settled();
          reject(error);
        },
      );
    });
  }
}
