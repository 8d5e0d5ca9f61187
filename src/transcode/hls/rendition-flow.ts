import type { Clock } from '../../platform/index.js';
import type { MediaKind } from '../inputs/encoder-input.js';

/** Time without output after which the sender is silent or ffmpeg hangs, ms. */
const SILENCE_MS = 4_000;
/** The same before the first output, ms; below ffmpeg's own timeout. */
const FIRST_SIGN_MS = 10_000;
/** Maximum drift of the sender's clock, ms per ms. */
const CLOCK_DRIFT = 0.001;

type Flow = {
  /** Monotonic ms of the last output. */
  answered: number;
  /** Minimum difference between clock and output position, ms; increased by the allowed drift. */
  least: { difference: number; at: number } | undefined;
};

/** Measures an encoder by its output alone, for inputs that do not pass through the gateway. */
export class RenditionFlow {
  readonly #clock: Clock;
  readonly #flows = new Map<MediaKind, Flow>();
  #begun: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Starts the timeout for the first output. */
  begin(): void {
    this.#begun = this.#clock.monotonic();
  }

  /** Records output of a kind. */
  outputReceived(kind: MediaKind): void {
    const answered = this.#clock.monotonic();
    const flow = this.#flows.get(kind);
    if (flow) flow.answered = answered;
    else this.#flows.set(kind, { answered, least: undefined });
  }

  /** Returns the lag, ms: the increase over the minimum difference, as the input is not visible here. */
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

  /** Maximum time since the last output of any kind, ms. */
  get quiet(): number {
    const now = this.#clock.monotonic();
    return Math.max(0, ...[...this.#flows.values()].map(({ answered }) => now - answered));
  }

  /**
   * No output of some kind: ffmpeg hangs, or the sender is silent and resumed media would be preceded by repeated
   * frames. In both cases a new encoder should wait for media.
   */
  get stalled(): boolean {
    if (this.#flows.size > 0) return this.quiet > SILENCE_MS;
    return this.#begun !== undefined && this.#clock.monotonic() - this.#begun > FIRST_SIGN_MS;
  }
}
