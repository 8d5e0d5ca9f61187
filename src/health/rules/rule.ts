import type { SourceCounters, SourceInfo } from '../../media/index.js';
import type { Metric } from '../series.js';

/** `info`: nothing is wrong; `warning`: viewers may notice; `error`: viewers do notice. */
export type Severity = 'info' | 'warning' | 'error';

/** Measurements of a publication, as the rules see them. */
export type HealthWindow = {
  readonly source: SourceInfo;
  readonly counters: SourceCounters;
  /** Returns up to `seconds` of the newest values of this publication, oldest first. */
  last(metric: Metric, seconds: number): number[];
  /** The same, of a stretch in which media time and arrival can be compared. */
  lastInTime(metric: Metric, seconds: number): number[];
  /** Notices about the broadcast, by topic. */
  readonly notices: ReadonlyMap<string, string>;
};

/** Fault that can be found in the media of a publication. */
export type Rule = {
  /** Stable name. */
  code: string;
  severity: Severity;
  /** Sentence that says what to do. */
  cure: string;
  /** Returns the sentence that says what is wrong; undefined while nothing is. */
  find(window: HealthWindow): string | undefined;
};

export function isRtp({ source }: HealthWindow): boolean {
  return source.protocol === 'whip';
}

export function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + (Number.isNaN(value) ? 0 : value), 0);
}

/** Returns the known values. */
export function known(values: readonly number[]): number[] {
  return values.filter((value) => !Number.isNaN(value));
}

/** Returns the value in the middle; undefined without one. */
export function medianOf(values: readonly number[]): number | undefined {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}

/** Writes a duration for people: `1.5 s`. */
export function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}

/** Writes a bitrate for people: `2.5 Mbit/s`. */
export function bitrate(bps: number): string {
  return bps >= 1_000_000 ? `${Math.round(bps / 100_000) / 10} Mbit/s` : `${Math.round(bps / 1_000)} kbit/s`;
}
