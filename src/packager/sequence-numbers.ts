import type { Clock } from '../platform/index.js';
import type { Broadcast } from '../streams/index.js';

/** Media sequence numbers per second of the broadcast's age. */
const NUMBERS_PER_SECOND = 2;
/** Numbers ahead of that rate, for a publisher that sends faster than real time for a while. */
const BURST_NUMBERS = 32;

/**
 * Assigns media sequence numbers that are unique within a broadcast without storing them. Number n is not assigned
 * before the broadcast is (n - 32) / 2 seconds old; a process that resumes a broadcast at t seconds continues with
 * ceil(2 t) + 32, which the previous process cannot have reached. Requires a wall clock that was not set back in
 * between.
 */
export class SequenceNumbers {
  readonly #clock: Clock;
  /** Age of the broadcast in ms when this process started or resumed it, and the monotonic ms of that moment. */
  readonly #ageMs: number;
  readonly #sinceMs: number;
  #next: number | undefined;

  constructor(broadcast: Pick<Broadcast, 'startedAt' | 'resumed'>, clock: Clock) {
    this.#clock = clock;
    this.#ageMs = Math.max(0, clock.now() - broadcast.startedAt);
    this.#sinceMs = clock.monotonic();
    if (!broadcast.resumed) this.#next = 0;
  }

  get available(): boolean {
    return this.#next === undefined || this.#next <= this.#allowed;
  }

  take(): number {
    this.#next ??= Math.ceil(this.#allowed);
    return this.#next++;
  }

  /** Reuses the last number, which was not published. */
  returnSequenceNumber(msn: number): void {
    if (msn + 1 === this.#next) this.#next = msn;
  }

  get #allowed(): number {
    const ageMs = this.#ageMs + (this.#clock.monotonic() - this.#sinceMs);
    return (ageMs / 1000) * NUMBERS_PER_SECOND + BURST_NUMBERS;
  }
}
