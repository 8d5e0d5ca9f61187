import type { Clock } from '../platform/index.js';
import type { Broadcast } from '../streams/index.js';

/** Media sequence numbers rise by no more than this a second of the broadcast's life... */
const NUMBERS_PER_SECOND = 2;
/** ...but may run ahead by so many, when a publisher sends faster than real time for a while. */
const BURST = 32;

/**
 * Gives out media sequence numbers that are never used twice in a broadcast, though nothing is stored: a broadcast
 * that is taken up by a new process goes on with a number that the old one cannot have reached in the time. Number n
 * is not given out before the broadcast is (n - BURST) / 2 seconds old; a resumed broadcast that is t seconds old
 * goes on with ceil(2 t) + BURST. This relies on a wall clock that was not set back between the two.
 */
export class SequenceNumbers {
  readonly #clock: Clock;
  /** Age of the broadcast in ms when this process took it over, and when that was. */
  readonly #age: number;
  readonly #since: number;
  #next: number | undefined;

  constructor(broadcast: Pick<Broadcast, 'startedAt' | 'resumed'>, clock: Clock) {
    this.#clock = clock;
    this.#age = Math.max(0, clock.now() - broadcast.startedAt);
    this.#since = clock.monotonic();
    if (!broadcast.resumed) this.#next = 0;
  }

  get available(): boolean {
    return this.#next === undefined || this.#next <= this.#allowed;
  }

  take(): number {
    this.#next ??= Math.ceil(this.#allowed);
    return this.#next++;
  }

  /** The number that was given out last was not used: it will be the next one. */
  giveBack(msn: number): void {
    if (msn + 1 === this.#next) this.#next = msn;
  }

  get #allowed(): number {
    const age = this.#age + (this.#clock.monotonic() - this.#since);
    return (age / 1000) * NUMBERS_PER_SECOND + BURST;
  }
}
