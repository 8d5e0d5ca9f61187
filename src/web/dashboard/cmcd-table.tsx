import { timeText } from '../forms/format.js';
import { number } from '../locale/format.js';
import { livestreamTexts } from '../texts/livestream.js';
import type { CmcdRow } from './quality-rows.js';
import { ScrolledTable } from './scrolled-table.js';

/** Table of what requests for HLS said of their players' playback. */
export function CmcdTable({ rows }: { rows: readonly CmcdRow[] }) {
  return (
    <ScrolledTable name={livestreamTexts.hlsRequests}>
      <caption>{livestreamTexts.cmcdCaption}</caption>
      <thead>
        <tr>
          <th>{livestreamTexts.broadcast}</th>
          <th>{livestreamTexts.hlsPlaybacks}</th>
          <th>{livestreamTexts.requests}</th>
          <th>{livestreamTexts.emptyBuffer}</th>
          <th>{livestreamTexts.buffer}</th>
          <th>{livestreamTexts.lowest}</th>
          <th>{livestreamTexts.throughput}</th>
          <th>{livestreamTexts.lowest}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.broadcastId}>
            <td>{timeText(row.startedAt)}</td>
            <td>{number(row.sessions)}</td>
            <td>{number(row.requests)}</td>
            <td>{number(row.starvationRatio * 100, 2)} %</td>
            <td>{inThousands(row.bufferP50Ms, 's')}</td>
            <td>{inThousands(row.bufferP5Ms, 's')}</td>
            <td>{inThousands(row.throughputP50Kbps, 'Mbit/s')}</td>
            <td>{inThousands(row.throughputP5Kbps, 'Mbit/s')}</td>
          </tr>
        ))}
      </tbody>
    </ScrolledTable>
  );
}

function inThousands(value: number | undefined, unit: string): string {
  return value === undefined ? '–' : `${number(value / 1_000, 1)} ${unit}`;
}
