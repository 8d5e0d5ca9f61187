import type { QoeResponse } from '../../api/contract.js';

/** Sums of one broadcast and delivery. */
export type QualityRow = {
  broadcastId: string;
  startedAt: string;
  endedAt: string;
  delivery: string;
  plays: number;
  playedS: number;
  startupP50Ms: number | undefined;
  startupP95Ms: number | undefined;
  latencyP50Ms: number | undefined;
  latencyP95Ms: number | undefined;
  rebuffers: number;
  rebufferS: number;
  /** Share of the time in which playback stalled, 0 to 1. */
  rebufferRatio: number;
  switches: number;
  failures: number;
  /** Such as `lost 2, loss 1`. */
  falls: string;
};

const COLUMNS: (keyof QualityRow)[] = [
  ...(['broadcastId', 'startedAt', 'endedAt', 'delivery', 'plays', 'playedS', 'startupP50Ms'] as const),
  ...(['startupP95Ms', 'latencyP50Ms', 'latencyP95Ms', 'rebuffers', 'rebufferS', 'rebufferRatio'] as const),
  ...(['switches', 'failures', 'falls'] as const),
];

/** Returns one row per broadcast and delivery, newest broadcast first. */
export function rowsOf(broadcasts: QoeResponse['broadcasts']): QualityRow[] {
  return broadcasts.flatMap(({ broadcastId, startedAt, endedAt, deliveries }) =>
    deliveries.map(({ startup, latency, falls, playedS, rebufferS, ...rest }) => ({
      ...{ broadcastId, startedAt, endedAt: endedAt ?? '', ...rest, playedS, rebufferS },
      ...{ startupP50Ms: startup?.p50Ms, startupP95Ms: startup?.p95Ms },
      ...{ latencyP50Ms: latency?.p50Ms, latencyP95Ms: latency?.p95Ms },
      rebufferRatio: playedS + rebufferS > 0 ? rebufferS / (playedS + rebufferS) : 0,
      falls: Object.entries(falls)
        .map(([reason, count]) => `${reason} ${count}`)
        .join(', '),
    })),
  );
}

/** Returns a table as CSV (RFC 4180). */
export function qualityCsv(rows: readonly QualityRow[]): string {
  const lines = rows.map((row) => COLUMNS.map((column) => quoted(String(row[column] ?? ''))));
  return `${[COLUMNS, ...lines].map((fields) => fields.join(',')).join('\r\n')}\r\n`;
}

function quoted(field: string): string {
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}
