import type { ViewAnalysis } from '../../audience/index.js';
import type { ChatActivity } from '../../chat/index.js';
import type { JoinFailureCount } from '../../qoe/index.js';
import type { StoredBroadcast } from '../../streams/index.js';
import type { BroadcastAnalytics, BroadcastView } from '../contract.js';

/** Time of one broadcast that is analyzed. */
export type AnalyzedRange = { from: Date; to: Date; intervalS: number; intervals: number };

const MINUTE_S = 60;
const MAXIMUM_INTERVALS = 720;
const MAXIMUM_MS = 7 * 86_400_000;

/** Returns the last seven days of a broadcast at most, in at most 720 intervals of whole minutes. */
export function analyzedRange({ startedAt, endedAt }: StoredBroadcast, nowMs: number): AnalyzedRange {
  const toMs = Math.max(endedAt?.getTime() ?? nowMs, startedAt.getTime() + 1);
  const fromMs = Math.max(startedAt.getTime(), toMs - MAXIMUM_MS);
  const durationS = (toMs - fromMs) / 1_000;
  const intervalS = MINUTE_S * Math.max(1, Math.ceil(durationS / MINUTE_S / MAXIMUM_INTERVALS));
  return {
    ...{ from: new Date(fromMs), to: new Date(toMs), intervalS },
    intervals: Math.max(1, Math.ceil(durationS / intervalS)),
  };
}

export function toBroadcastView({ id, startedAt, endedAt, endReason }: StoredBroadcast): BroadcastView {
  return {
    ...{ id, endReason },
    startedAt: startedAt.toISOString(),
    endedAt: endedAt?.toISOString() ?? null,
  };
}

export function toAnalytics(
  broadcast: StoredBroadcast,
  { from, to, intervalS, intervals }: AnalyzedRange,
  { sums, series }: ViewAnalysis,
  chat: ChatActivity,
  failures: readonly JoinFailureCount[],
): BroadcastAnalytics {
  const filled = <Row extends { index: number }>(rows: Row[], read: (row: Row) => number): number[] => {
    const values = new Array<number>(intervals).fill(0);
    for (const row of rows) if (row.index >= 0 && row.index < intervals) values[row.index] = read(row);
    return values;
  };
  const byCode = new Map<string, number>();
  const byInterval = new Array<number>(intervals).fill(0);
  for (const { index, code, failures: count } of failures) {
    byCode.set(code, (byCode.get(code) ?? 0) + count);
    const interval = Math.min(index, intervals - 1);
    byInterval[interval] = (byInterval[interval] ?? 0) + count;
  }
  const total = sums.find(({ isTotal }) => isTotal);
  return {
    broadcast: toBroadcastView(broadcast),
    ...{ from: from.toISOString(), to: to.toISOString(), intervalS },
    views: total?.views ?? 0,
    viewers: total?.viewers ?? 0,
    watchTimeS: Math.round(total?.watchTimeS ?? 0),
    peakViewers: Math.max(0, ...series.map((row) => row.total)),
    ...{ messages: chat.messages, authors: chat.authors },
    byProtocol: sums
      .filter(({ isTotal }) => !isTotal)
      .map(({ protocol, views, watchTimeS }) => ({
        ...{ protocol: protocol ?? 'none', views, watchTimeS: Math.round(watchTimeS) },
      })),
    joinFailures: [...byCode]
      .sort(([, a], [, b]) => b - a)
      .map(([code, count]) => ({ code, failures: count })),
    series: {
      total: filled(series, (row) => row.total),
      whep: filled(series, (row) => row.whep),
      'll-hls': filled(series, (row) => row['ll-hls']),
      hls: filled(series, (row) => row.hls),
      dash: filled(series, (row) => row.dash),
      joined: filled(series, (row) => row.joined),
      departed: filled(series, (row) => row.departed),
      joinFailures: byInterval,
      messages: filled(chat.intervals, (row) => row.messages),
    },
  };
}
