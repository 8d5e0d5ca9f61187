/** What the choice needs to know of a layer, the cheapest first. */
export type LayerCost = { rid: string; bitrate: number };

/** Share of the packets that a viewer may lose before it is sent less. */
const HEAVY_LOSS = 0.1;
/** Reports in a row that must say so. */
const BAD_REPORTS = 2;
const LIGHT_LOSS = 0.02;
/** An estimate below this share of what is sent is too low, when it has come down or packets are lost too. */
const SHORTFALL_SHARE = 0.85;
const DROP_SHARE = 0.9;
const SHORTFALL_MS = 1000;
/** An estimate above this share of the next layer's bitrate is room for it. */
const HEADROOM_SHARE = 1.2;
/** What an estimate is compared with: the highest of so many ms; in the beginning, all that is possible. */
const ESTIMATE_MEMORY_MS = 10_000;
const FIRST_ESTIMATE_MS = 3000;
/** ms before a better layer is tried: at least, when there is room by the estimate, and at most after failures. */
const FIRST_WAIT_MS = 5000;
const HEADROOM_WAIT_MS = 2000;
const LONGEST_WAIT_MS = 60_000;
/** A better layer that lasts so long was no mistake. */
const TRIAL_MS = 10_000;

/**
 * Chooses the layer that a viewer's network takes: down at once when its reports say that it is too much, up again
 * after a wait, which doubles with every attempt that failed. Pure; times are monotonic ms.
 *
 * A receiver's estimate (REMB) hardly ever rises above one and a half times what it is sent, so a better layer can't
 * wait for it: it is tried, and taken back when it was too much.
 */
export class LayerChoice {
  /** Bits per second of the best layer that is allowed. */
  #ceiling = Number.POSITIVE_INFINITY;
  #badReports = 0;
  #lossAt = Number.NEGATIVE_INFINITY;
  #estimate: number | undefined;
  #firstEstimateAt: number | undefined;
  #estimates: { value: number; at: number }[] = [];
  #shortfallSince: number | undefined;
  #changedAt = Number.NEGATIVE_INFINITY;
  #raisedAt = Number.NEGATIVE_INFINITY;
  #waitMs = FIRST_WAIT_MS;

  /** A receiver report on the picture: the share of the packets that were lost. */
  lossReported(fraction: number, now: number): void {
    if (fraction > LIGHT_LOSS) this.#lossAt = now;
    this.#badReports = fraction > HEAVY_LOSS ? this.#badReports + 1 : 0;
  }

  /** The receiver's estimate, bits per second. */
  bitrateEstimated(bitsPerSecond: number, now: number): void {
    this.#estimate = bitsPerSecond;
    this.#firstEstimateAt ??= now;
    // Only what is higher than all that came after it can be the highest.
    this.#estimates = this.#estimates.filter(
      ({ value, at }) => value > bitsPerSecond && now - at < ESTIMATE_MEMORY_MS,
    );
    this.#estimates.push({ value: bitsPerSecond, at: now });
  }

  /**
   * The layer to send, of those that are there now; undefined when there is none.
   *
   * @param current The one that is being sent; undefined while a switch waits for its keyframe.
   */
  choose(layers: readonly LayerCost[], current: string | undefined, now: number): string | undefined {
    const at = layers.findIndex((layer) => layer.rid === current);
    const sent = layers[at];
    if (sent) {
      if (this.#isTooMuch(sent.bitrate, now)) this.#lower(layers, at, now);
      else if (this.#ceiling !== Number.POSITIVE_INFINITY) this.#raise(layers, at, now);
    }
    let chosen = layers[0];
    for (const layer of layers) if (layer.bitrate <= this.#ceiling) chosen = layer;
    return chosen?.rid;
  }

  #isTooMuch(bitrate: number, now: number): boolean {
    if (this.#badReports >= BAD_REPORTS) return true;
    const estimate = this.#estimate;
    if (estimate === undefined || !this.#hasDropped(estimate, now) || estimate >= bitrate * SHORTFALL_SHARE) {
      this.#shortfallSince = undefined;
      return false;
    }
    this.#shortfallSince ??= now;
    return now - this.#shortfallSince >= SHORTFALL_MS;
  }

  #hasDropped(estimate: number, now: number): boolean {
    if (now - this.#lossAt < SHORTFALL_MS * 2) return true;
    if (now - (this.#firstEstimateAt ?? now) < FIRST_ESTIMATE_MS) return true;
    return estimate < (this.#estimates[0]?.value ?? 0) * DROP_SHARE;
  }

  #lower(layers: readonly LayerCost[], at: number, now: number): void {
    this.#badReports = 0;
    this.#shortfallSince = undefined;
    if (at <= 0) return;
    if (now - this.#raisedAt < TRIAL_MS) this.#waitMs = Math.min(LONGEST_WAIT_MS, this.#waitMs * 2);
    else this.#waitMs = FIRST_WAIT_MS;
    // Between this layer and the next one below, so that both may vary.
    this.#ceiling = (layers[at]!.bitrate + layers[at - 1]!.bitrate) / 2;
    this.#changedAt = now;
  }

  #raise(layers: readonly LayerCost[], at: number, now: number): void {
    const next = layers[at + 1];
    if (!next) {
      if (now - this.#raisedAt > TRIAL_MS) this.#ceiling = Number.POSITIVE_INFINITY;
      return;
    }
    const roomy = this.#estimate !== undefined && this.#estimate > next.bitrate * HEADROOM_SHARE;
    if (now - this.#changedAt < (roomy ? HEADROOM_WAIT_MS : this.#waitMs)) return;
    if (now - this.#lossAt < FIRST_WAIT_MS) return;
    this.#ceiling = layers[at + 2] ? (next.bitrate + layers[at + 2]!.bitrate) / 2 : Number.POSITIVE_INFINITY;
    this.#changedAt = now;
    this.#raisedAt = now;
  }
}
