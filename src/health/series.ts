/** Seconds that are kept of a broadcast. */
export const SERIES_S = 300;

/** Values that clients see, one a second. NaN is unknown. */
export const SHOWN_METRICS = [
  'videoBitrate',
  'audioBitrate',
  'frameRate',
  'keyframeInterval',
  'droppedPictures',
  'lateMs',
  'roundTripMs',
  'packetLoss',
  'audioLevel',
  'avSkewMs',
] as const;

/** Values that only the rules read. */
const RULE_METRICS = [
  'leadMs',
  'predictedBytes',
  'predictedPictures',
  'audioPeak',
  'timestampJumps',
  'sizeChanges',
  'irregular',
] as const;

const METRICS = [...SHOWN_METRICS, ...RULE_METRICS];

export type ShownMetric = (typeof SHOWN_METRICS)[number];
export type Metric = (typeof METRICS)[number];
/** Measurements of one second. */
export type Sample = Record<Metric, number>;

/** Columns of equal length; a value that is unknown is null. `at`: Unix ms. */
export type SeriesColumns = { at: number[] } & Record<ShownMetric, (number | null)[]>;

/** Ring of the samples of the last minutes. */
export class Series {
  readonly #at = new Float64Array(SERIES_S);
  readonly #values = new Map<Metric, Float64Array>(
    METRICS.map((metric) => [metric, new Float64Array(SERIES_S)]),
  );
  #count = 0;

  /** @param at Unix ms */
  add(at: number, sample: Sample): void {
    const slot = this.#count++ % SERIES_S;
    this.#at[slot] = at;
    for (const [metric, values] of this.#values) values[slot] = sample[metric];
  }

  /** Returns up to `length` of the newest values, oldest first. */
  last(metric: Metric, length: number): number[] {
    const values = this.#values.get(metric)!;
    return this.#slots(Math.min(length, this.#kept), (slot) => values[slot]!);
  }

  /** Returns the samples later than `since`, Unix ms, oldest first. */
  columns(since = Number.NEGATIVE_INFINITY): SeriesColumns {
    const times = this.#slots(this.#kept, (slot) => this.#at[slot]!);
    const first = times.findIndex((at) => at > since);
    const length = first < 0 ? 0 : times.length - first;
    const column = (metric: Metric): (number | null)[] => this.last(metric, length).map(shown);
    const shownColumns = Object.fromEntries(SHOWN_METRICS.map((metric) => [metric, column(metric)]));
    return { at: times.slice(times.length - length), ...shownColumns } as SeriesColumns;
  }

  get #kept(): number {
    return Math.min(this.#count, SERIES_S);
  }

  #slots<T>(length: number, value: (slot: number) => T): T[] {
    return Array.from({ length }, (_, index) => value((this.#count - length + index) % SERIES_S));
  }
}

/** Rounds to three decimals, which keeps responses small. */
function shown(value: number): number | null {
  return Number.isFinite(value) ? Math.round(value * 1_000) / 1_000 : null;
}
