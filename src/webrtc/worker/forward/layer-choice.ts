/** Layer with its bitrate, bit/s; sorted by bitrate, lowest first. */
export type LayerCost = { rid: string; bitrate: number };

/** Loss fraction that counts as a bad report. */
const HEAVY_LOSS = 0.1;
/** Consecutive bad reports that lower the layer. */
const BAD_REPORTS = 2;
const LIGHT_LOSS = 0.02;
/** An estimate below this share of the sent bitrate is a shortfall, when it has dropped or packets are lost. */
const SHORTFALL_SHARE = 0.85;
const DROP_SHARE = 0.9;
const SHORTFALL_MS = 1000;
/** An estimate above this share of the next layer's bitrate is headroom for it. */
const HEADROOM_SHARE = 1.2;
/**
 * A drop is relative to the highest estimate within the memory; during the first seconds every low estimate counts.
 */
const ESTIMATE_MEMORY_MS = 10_000;
const FIRST_ESTIMATE_MS = 3000;
/** Wait before a higher layer is tried, ms: initially, with headroom by the estimate, and at most after failures. */
const FIRST_WAIT_MS = 5000;
const HEADROOM_WAIT_MS = 2000;
const LONGEST_WAIT_MS = 60_000;
/** A higher layer that lasts this long was not too much, ms. */
const TRIAL_MS = 10_000;

/**
 * Selects the layer that a viewer's network can carry: down at once when reports show congestion, up after a wait
 * that doubles with each failed attempt. Pure; times are monotonic ms.
 *
 * A receiver's estimate (REMB) rarely exceeds 1.5 times the received bitrate, so a higher layer is tried without
 * waiting for it, and dropped when it is too much.
 */
export class LayerChoice {
  /** Highest allowed bitrate, bit/s. */
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

  /** Takes the loss fraction of a video receiver report. */
  lossReported(fraction: number, now: number): void {
    if (fraction > LIGHT_LOSS) this.#lossAt = now;
    this.#badReports = fraction > HEAVY_LOSS ? this.#badReports + 1 : 0;
  }

  /** Takes the receiver's bitrate estimate (REMB), bit/s. */
  bitrateEstimated(bitsPerSecond: number, now: number): void {
    this.#estimate = bitsPerSecond;
    this.#firstEstimateAt ??= now;
    // Keeps a decreasing sequence: the first entry is the highest within the memory.
    this.#estimates = this.#estimates.filter(
      ({ value, at }) => value > bitsPerSecond && now - at < ESTIMATE_MEMORY_MS,
    );
    this.#estimates.push({ value: bitsPerSecond, at: now });
  }

  /**
   * Selects from the active layers; undefined when there are none.
   *
   * @param current the layer being sent; undefined while a switch waits for its keyframe.
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
    // Half-way to the next lower layer, so that both bitrates may vary.
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
