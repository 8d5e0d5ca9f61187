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

/** Client data of the requests for HLS of one broadcast (CMCD). */
export type CmcdRow = {
  broadcastId: string;
  startedAt: string;
  endedAt: string;
  delivery: 'cmcd';
  sessions: number;
  requests: number;
  starvations: number;
  /** Share of the requests before which the buffer was empty, 0 to 1. */
  starvationRatio: number;
  bufferP5Ms: number | undefined;
  bufferP50Ms: number | undefined;
  throughputP5Kbps: number | undefined;
  throughputP50Kbps: number | undefined;
};

const COLUMNS: (keyof QualityRow | keyof CmcdRow)[] = [
  ...(['broadcastId', 'startedAt', 'endedAt', 'delivery', 'plays', 'playedS', 'startupP50Ms'] as const),
  ...(['startupP95Ms', 'latencyP50Ms', 'latencyP95Ms', 'rebuffers', 'rebufferS', 'rebufferRatio'] as const),
  ...(['switches', 'failures', 'falls', 'sessions', 'requests', 'starvations', 'starvationRatio'] as const),
  ...(['bufferP5Ms', 'bufferP50Ms', 'throughputP5Kbps', 'throughputP50Kbps'] as const),
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

/** Returns one row for each broadcast whose requests said something, newest first. */
export function cmcdRowsOf(broadcasts: QoeResponse['broadcasts']): CmcdRow[] {
  return broadcasts.flatMap(({ broadcastId, startedAt, endedAt, cmcd }) => {
    if (!cmcd) return [];
    const { sessions, requests, starvations, buffer, throughput } = cmcd;
    return {
      ...{ broadcastId, startedAt, endedAt: endedAt ?? '', delivery: 'cmcd' as const },
      ...{ sessions, requests, starvations, starvationRatio: requests > 0 ? starvations / requests : 0 },
      ...{ bufferP5Ms: buffer?.p5Ms, bufferP50Ms: buffer?.p50Ms },
      ...{ throughputP5Kbps: throughput?.p5Kbps, throughputP50Kbps: throughput?.p50Kbps },
    };
  });
}

/** Returns a table as CSV (RFC 4180). */
export function qualityCsv(rows: readonly (QualityRow | CmcdRow)[]): string {
  const lines = rows.map((row) => {
    const fields: Partial<Record<keyof QualityRow | keyof CmcdRow, unknown>> = row;
    return COLUMNS.map((column) => quoted(String(fields[column] ?? '')));
  });
  return `${[COLUMNS, ...lines].map((fields) => fields.join(',')).join('\r\n')}\r\n`;
}

function quoted(field: string): string {
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}
