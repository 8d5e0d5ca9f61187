import { useEffect, useState } from 'preact/hooks';
import type { QoeResponse } from '../../api/contract.js';
import { callApi } from '../api/api-client.js';
import { ErrorText } from '../forms/error-text.js';
import { durationText, timeText } from '../forms/format.js';
import { number } from '../locale/format.js';
import { livestreamTexts } from '../texts/livestream.js';
import { CmcdTable } from './cmcd-table.js';
import { cmcdRowsOf, qualityCsv, rowsOf } from './quality-rows.js';
import { ScrolledTable } from './scrolled-table.js';

/** Table of the quality that viewers experienced in the broadcasts of a livestream, also as CSV. */
export function QualitySection({ streamId }: { streamId: string }) {
  const [broadcasts, setBroadcasts] = useState<QoeResponse['broadcasts']>();
  const [error, setError] = useState('');

  useEffect(() => {
    const closing = new AbortController();
    const { signal } = closing;
    void callApi('GET /api/livestream/:streamId/qoe', { params: { streamId }, signal }).then((answer) => {
      if (signal.aborted) return;
      if (answer.kind === 'ok') setBroadcasts(answer.value.broadcasts);
      else setError(answer.message);
    });
    return () => closing.abort();
  }, [streamId]);

  const rows = rowsOf(broadcasts ?? []);
  const cmcdRows = cmcdRowsOf(broadcasts ?? []);
  const download = (): void => {
    const url = URL.createObjectURL(new Blob([qualityCsv([...rows, ...cmcdRows])], { type: 'text/csv' }));
    const link = document.createElement('a');
    link.href = url;
    link.download = `quality-${streamId}.csv`;
    link.click();
    URL.revokeObjectURL(url);
  };
  return (
    <section aria-labelledby={`quality-${streamId}`}>
      <h3 id={`quality-${streamId}`}>{livestreamTexts.quality}</h3>
      <ErrorText>{error}</ErrorText>
      {broadcasts && rows.length + cmcdRows.length === 0 && <p class="faint">{livestreamTexts.noQuality}</p>}
      {rows.length > 0 && (
        <ScrolledTable name={livestreamTexts.broadcasts}>
          <thead>
            <tr>
              <th>{livestreamTexts.broadcast}</th>
              <th>{livestreamTexts.delivery}</th>
              <th>{livestreamTexts.plays}</th>
              <th>{livestreamTexts.watched}</th>
              <th>{livestreamTexts.startup}</th>
              <th>95 %</th>
              <th>{livestreamTexts.behindLive}</th>
              <th>{livestreamTexts.stalled}</th>
              <th>{livestreamTexts.stalls}</th>
              <th>{livestreamTexts.switches}</th>
              <th>{livestreamTexts.failures}</th>
              <th>{livestreamTexts.falls}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={`${row.broadcastId} ${row.delivery}`}>
                <td>{timeText(row.startedAt)}</td>
                <td>{row.delivery === 'hls' ? 'HLS' : 'WebRTC'}</td>
                <td>{row.plays}</td>
                <td>{durationText(row.playedS)}</td>
                <td>{secondsText(row.startupP50Ms)}</td>
                <td>{secondsText(row.startupP95Ms)}</td>
                <td>{secondsText(row.latencyP50Ms)}</td>
                <td>{number(row.rebufferRatio * 100, 2)} %</td>
                <td>{row.rebuffers}</td>
                <td>{row.switches}</td>
                <td>{row.failures}</td>
                <td>{row.falls || '–'}</td>
              </tr>
            ))}
          </tbody>
        </ScrolledTable>
      )}
      {cmcdRows.length > 0 && <CmcdTable rows={cmcdRows} />}
      {rows.length + cmcdRows.length > 0 && (
        <button type="button" onClick={download}>
          {livestreamTexts.downloadAsCsv}
        </button>
      )}
    </section>
  );
}

function secondsText(ms: number | undefined): string {
  return ms === undefined ? '–' : `${(ms / 1_000).toFixed(2)} s`;
}
