/** Deviation of timestamps from arrivals that the network does not cause, ms. */
const DEVIATION_MS = 3_000;
/** Time without packets after which a sender's clock may have stopped, ms. */
const PAUSE_MS = 1_000;
/** Time over which packets must be late after a pause: queued ones arrive in a burst, ms. */
const LATE_FOR_MS = 500;
/** Window in which the rate is measured, ms; windows that must agree, and how closely. */
const WINDOW_MS = 3_000;
const WINDOWS = 3;
const AGREEMENT = 0.03;
/** Ratios of timestamps to arrivals that count as the right rate. */
const RIGHT_RATIO = { min: 0.85, max: 1.15 } as const;
/** Clock rates that senders use by mistake, Hz: other video and audio rates, ms, us. */
const RATES = [1_000, 8_000, 16_000, 44_100, 45_000, 48_000, 90_000, 180_000, 1_000_000];

type Anchor = { from: number; to: number };

/**
 * Makes the timestamps of a stream advance with its arrivals. Other timestamps would freeze a player or encoder: those
 * that jump, that count at another clock rate, and that stand still while the sender pauses.
 */
export class TimestampNormaliser {
  readonly #rate: number;
  /** Timestamps may stop without samples: the clock of audio handles that. */
  readonly #countsSamples: boolean;
  /** The newest timestamp as received and as passed on, and those before the last change. */
  #newest: Anchor = { from: 0, to: 0 };
  #before: Anchor | undefined;
  #factor = 1;
  #at = Number.NEGATIVE_INFINITY;
  #pause: { from: number; startedAt: number; endedAt: number; leastLateMs: number } | undefined;
  #window: { from: number; at: number } | undefined;
  #ratios: number[] = [];
  #jumps = 0;

  /** Jumps of the timestamps so far. */
  get jumps(): number {
    return this.#jumps;
  }

  /** @param rate clock rate, Hz. @param countsSamples timestamps stop while the sender has no samples */
  constructor(rate: number, countsSamples: boolean) {
    this.#rate = rate;
    this.#countsSamples = countsSamples;
  }

  /** Starts a stream whose first timestamp is passed on as `to`. */
  restart(from: number, to: number, at: number): void {
    this.#newest = { from, to };
    this.#before = undefined;
    this.#factor = 1;
    this.#at = at;
    this.#pause = undefined;
    this.#window = undefined;
    this.#ratios = [];
  }

  /** Converts a timestamp that is not the newest: of a late packet or a sender report. */
  convert(timestamp: number): number {
    const { from } = this.#newest;
    const anchor =
      this.#before && distance(timestamp, this.#before.from) < distance(timestamp, from)
        ? this.#before
        : this.#newest;
    return this.#convert(timestamp, anchor);
  }

  /**
   * Takes the newest packet.
   *
   * @param at arrival, monotonic ms
   * @returns whether timestamps relate to arrivals in another way than before
   */
  advance(timestamp: number, at: number): boolean {
    const stepMs = this.#milliseconds(timestamp - this.#newest.from);
    const elapsedMs = at - this.#at;
    if (stepMs < -DEVIATION_MS || stepMs > elapsedMs + DEVIATION_MS)
      return this.#jump(timestamp, elapsedMs, at);
    if (elapsedMs >= PAUSE_MS) {
      this.#pause = {
        from: this.#newest.from,
        startedAt: this.#at,
        endedAt: at,
        leastLateMs: Number.POSITIVE_INFINITY,
      };
      this.#window = undefined;
      this.#ratios = [];
    }
    const lateMs = this.#stoppedMs(timestamp, at) ?? this.#wrongRateMs(timestamp, at);
    const to = this.#convert(timestamp, this.#newest);
    if (lateMs === undefined) {
      this.#newest.from = timestamp;
      this.#newest.to = to;
      this.#at = at;
      return false;
    }
    this.#change(timestamp, to + Math.max(0, this.#ticks(lateMs)), at);
    return true;
  }

  #jump(timestamp: number, elapsedMs: number, at: number): true {
    this.#jumps++;
    this.#pause = undefined;
    this.#change(timestamp, this.#newest.to + this.#ticks(Math.max(1, elapsedMs)), at);
    return true;
  }

  /** Returns for how long the sender's clock has stood still in a pause, ms, when that is certain. */
  #stoppedMs(timestamp: number, at: number): number | undefined {
    const pause = this.#pause;
    if (!pause || this.#countsSamples) return undefined;
    const lateMs = at - pause.startedAt - this.#milliseconds(timestamp - pause.from);
    pause.leastLateMs = Math.min(pause.leastLateMs, lateMs);
    if (at - pause.endedAt < LATE_FOR_MS) return undefined;
    this.#pause = undefined;
    return pause.leastLateMs > DEVIATION_MS ? pause.leastLateMs : undefined;
  }

  /** Returns the lateness since the rate was measured, ms, when a wrong clock rate is certain; sets the factor. */
  #wrongRateMs(timestamp: number, at: number): number | undefined {
    this.#window ??= { from: timestamp, at };
    const elapsedMs = at - this.#window.at;
    if (elapsedMs < WINDOW_MS) return undefined;
    const ratio = this.#milliseconds(timestamp - this.#window.from) / elapsedMs;
    this.#window = { from: timestamp, at };
    if (ratio > RIGHT_RATIO.min && ratio < RIGHT_RATIO.max) {
      this.#ratios = [];
      return undefined;
    }
    this.#ratios.push(ratio);
    const [first = ratio] = this.#ratios;
    if (Math.abs(ratio - first) > first * AGREEMENT) this.#ratios = [ratio];
    if (this.#ratios.length < WINDOWS) return undefined;
    const actual = (ratio * this.#rate) / this.#factor;
    const off = (rate: number): number => Math.abs(rate - actual) / rate;
    const known = RATES.reduce((best, rate) => (off(rate) < off(best) ? rate : best));
    this.#ratios = [];
    if (off(known) > AGREEMENT) return undefined;
    this.#factor = this.#rate / known;
    return WINDOWS * WINDOW_MS * (1 - ratio);
  }

  #change(from: number, to: number, at: number): void {
    this.#before = this.#newest;
    this.#newest = { from, to: to >>> 0 };
    this.#at = at;
    this.#window = undefined;
    this.#ratios = [];
  }

  #convert(timestamp: number, { from, to }: Anchor): number {
    return (to + Math.round(((timestamp - from) | 0) * this.#factor)) >>> 0;
  }

  #milliseconds(difference: number): number {
    return ((difference | 0) * this.#factor * 1_000) / this.#rate;
  }

  #ticks(ms: number): number {
    return Math.round((ms * this.#rate) / 1_000);
  }
}

function distance(a: number, b: number): number {
  return Math.abs((a - b) | 0);
}
