import type { Cancel, Clock } from '../platform/index.js';
import type { Source } from '../streams/index.js';
import { type HealthWindow, RULES } from './rules/index.js';
import { type Metric, type Sample, SERIES_S, type Series } from './series.js';
import { type AudioLevel, SourceSampler } from './source-sampler.js';

const SAMPLE_MS = 1_000;
/** Window of the earliest arrival, which lateness is measured from, s. */
const EARLIEST_WITHIN_S = 60;
/** Notices while which the gateway itself delays the media. */
const DELAYING = ['ingest', 'transcoder', 'source-pace'];

/** Result of a rule for a publication: its sentence, or undefined. */
export type Verdict = { rule: (typeof RULES)[number]; message: string | undefined };

export type PublicationHealthOptions = {
  source: Source;
  series: Series;
  notices(): readonly { topic: string; message: string }[];
  /** Newest level of the sound, where it is measured. */
  audioLevel(): AudioLevel | undefined;
  /** Called once a second, with one verdict per rule. */
  judged(verdicts: readonly Verdict[]): void;
  clock: Clock;
};

/** Samples one publication, and judges it by the rules, once a second until it is closed. */
export class PublicationHealth {
  readonly #options: PublicationHealthOptions;
  readonly #sampler: SourceSampler;
  readonly #cancel: Cancel;
  #sampledAt: number;
  /** Samples of this publication, and those since times can be compared. */
  #samples = 0;
  #samplesInTime = 0;

  constructor(options: PublicationHealthOptions) {
    this.#options = options;
    this.#sampler = new SourceSampler(options.source);
    this.#sampledAt = options.clock.monotonic();
    this.#cancel = options.clock.every(SAMPLE_MS, () => this.#sample());
  }

  close(): void {
    this.#cancel();
  }

  #sample(): void {
    const { source, series, notices, clock } = this.#options;
    const now = clock.monotonic();
    const elapsedMs = now - this.#sampledAt;
    if (elapsedMs <= 0) return;
    this.#sampledAt = now;
    const topics = new Map(notices().map(({ topic, message }) => [topic, message]));
    const isDelayed = DELAYING.some((topic) => topics.has(topic));
    if (this.#sampler.takeNewTimeline() || isDelayed) this.#samplesInTime = 0;
    const sample = this.#sampler.sample(elapsedMs, this.#options.audioLevel());
    if (!source.rtp) sample.lateMs = this.#lateMs(sample);
    series.add(clock.now(), sample);
    this.#samples = Math.min(this.#samples + 1, SERIES_S);
    this.#samplesInTime = Math.min(this.#samplesInTime + 1, SERIES_S);
    const window: HealthWindow = {
      source: source.info,
      counters: source.counters,
      last: (metric, seconds) => series.last(metric, Math.min(seconds, this.#samples)),
      lastInTime: (metric, seconds) => this.#lastInTime(metric, seconds),
      notices: topics,
    };
    this.#options.judged(RULES.map((rule) => ({ rule, message: rule.find(window) })));
  }

  /** Returns how much later the media arrive than the earliest of the last minute, ms. */
  #lateMs({ leadMs }: Sample): number {
    const leads = this.#lastInTime('leadMs', EARLIEST_WITHIN_S).filter((lead) => !Number.isNaN(lead));
    return Number.isNaN(leadMs) ? Number.NaN : Math.max(leadMs, ...leads) - leadMs;
  }

  #lastInTime(metric: Metric, seconds: number): number[] {
    return this.#options.series.last(metric, Math.min(seconds, this.#samplesInTime));
  }
}
