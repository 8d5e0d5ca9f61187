import { BOUNDS_MS, count, emptyCounts } from './histogram.js';

export const DELIVERIES = ['webrtc', 'hls'] as const;
export type QoeDelivery = (typeof DELIVERIES)[number];
/** Reasons for which players fall from WebRTC to HLS. */
export const FALL_REASONS = [
  'unsupported',
  'refused',
  'unavailable',
  'unreachable',
  'no-media',
  'lost',
  'loss',
  'freezes',
  'chosen',
] as const;
export type FallReason = (typeof FALL_REASONS)[number];

/** Report of a player about the time since its last one. */
export type QoeSample = {
  delivery: QoeDelivery;
  /** From the wish to play to the first picture; in the first report only. */
  startupMs?: number | undefined;
  playedMs: number;
  /** Stalls for lack of data, and their duration. */
  rebuffers: number;
  rebufferMs: number;
  /** Changes of rendition. */
  switches: number;
  /** Errors that interrupted playback. */
  failures: number;
  latencyMs?: number | undefined;
  /** The viewer got no picture after an error; at most once per player. */
  neverPlayed?: boolean | undefined;
  /** The player fell to HLS for this reason. */
  fall?: FallReason | undefined;
};

/** Sums of samples. */
export type QoeTotals = {
  plays: number;
  playedMs: number;
  rebuffers: number;
  rebufferMs: number;
  switches: number;
  failures: number;
  falls: Partial<Record<FallReason, number>>;
  startupCounts: number[];
  latencyCounts: number[];
};

export function emptyTotals(): QoeTotals {
  return {
    ...{ plays: 0, playedMs: 0, rebuffers: 0, rebufferMs: 0, switches: 0, failures: 0, falls: {} },
    ...{ startupCounts: emptyCounts(), latencyCounts: emptyCounts() },
  };
}

export function addSample(totals: QoeTotals, sample: QoeSample): void {
  for (const name of ['playedMs', 'rebuffers', 'rebufferMs', 'switches', 'failures'] as const)
    totals[name] += sample[name];
  const { startupMs, latencyMs, fall } = sample;
  if (startupMs !== undefined) {
    totals.plays += 1;
    count(totals.startupCounts, startupMs, BOUNDS_MS);
  }
  if (latencyMs !== undefined) count(totals.latencyCounts, latencyMs, BOUNDS_MS);
  if (fall !== undefined) totals.falls[fall] = (totals.falls[fall] ?? 0) + 1;
}

/** Adds the second sums to the first. */
export function mergeTotals(totals: QoeTotals, further: QoeTotals): void {
  for (const name of ['plays', 'playedMs', 'rebuffers', 'rebufferMs', 'switches', 'failures'] as const)
    totals[name] += further[name];
  for (const [reason, falls] of Object.entries(further.falls) as [FallReason, number][])
    totals.falls[reason] = (totals.falls[reason] ?? 0) + falls;
  for (const name of ['startupCounts', 'latencyCounts'] as const)
    totals[name] = totals[name].map((each, index) => each + (further[name][index] ?? 0));
}
