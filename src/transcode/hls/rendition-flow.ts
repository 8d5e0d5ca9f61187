import type { Clock } from '../../platform/index.js';
import type { MediaKind } from '../inputs/encoder-input.js';

/** When what came out does not come any more for so long, the sender is silent or ffmpeg hangs, ms. */
const SILENCE_MS = 4_000;
/** So long it may take until something comes out at all, ms; less than ffmpeg itself waits. */
const FIRST_SIGN_MS = 10_000;
/** The sender's clock may run so much slower than ours: ms in a ms. */
const CLOCK_DRIFT = 0.001;

type Flow = {
  /** Monotonic ms at which something last came out. */
  answered: number;
  /** The least difference seen between our clock and what had come out, ms; it grows as clocks may differ. */
  least: { difference: number; at: number } | undefined;
};

/** What can be told of an encoder by what comes out of it alone: its media go in from elsewhere. */
export class RenditionFlow {
  readonly #clock: Clock;
  readonly #flows = new Map<MediaKind, Flow>();
  #begun: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** From now on media can come. */
  begin(): void {
    this.#begun = this.#clock.monotonic();
  }

  /** Something of this kind came out. */
  answered(kind: MediaKind): void {
    const answered = this.#clock.monotonic();
    const flow = this.#flows.get(kind);
    if (flow) flow.answered = answered;
    else this.#flows.set(kind, { answered, least: undefined });
  }

  /** What went in is not seen here: how much further behind our clock the renditions are than they have been. */
  lag(kind: MediaKind, position: number): number {
    const flow = this.#flows.get(kind);
    if (!flow) return 0;
    const at = this.#clock.monotonic();
    const difference = at - position;
    const { least } = flow;
    const expected = least ? least.difference + (at - least.at) * CLOCK_DRIFT : difference;
    flow.least = { difference: Math.min(expected, difference), at };
    return difference - flow.least.difference;
  }

  /** How long ago something of every kind that comes out did so, ms. */
  get quiet(): number {
    const now = this.#clock.monotonic();
    return Math.max(0, ...[...this.#flows.values()].map(({ answered }) => now - answered));
  }

  /**
   * Nothing comes out (of one kind) any more: ffmpeg hangs, or the sender is silent and what it sends later would be
   * preceded by as many repeated pictures. In either case a new encoder should wait for it.
   */
  get stalled(): boolean {
    if (this.#flows.size > 0) return this.quiet > SILENCE_MS;
    return this.#begun !== undefined && this.#clock.monotonic() - this.#begun > FIRST_SIGN_MS;
  }
}
