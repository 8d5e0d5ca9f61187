import { useEffect, useState } from 'preact/hooks';
import type { BroadcastAnalytics, BroadcastView } from '../../api/contract.js';
import { apiPath, callApi } from '../api/api-client.js';
import { ErrorText } from '../forms/error-text.js';
import { durationText, timeText } from '../forms/format.js';
import { useAction } from '../forms/use-action.js';
import { Plot } from '../studio/plot.js';
import { PROTOCOL_NAMES } from '../studio/viewer-minutes.js';

const ANALYTICS = 'GET /api/livestream/:streamId/broadcasts/:broadcastId/analytics';

/** Numbers of the broadcasts of a livestream, one broadcast at a time. */
export function AnalyticsSection({ streamId }: { streamId: string }) {
  const [broadcasts, setBroadcasts] = useState<BroadcastView[]>();
  const [chosenId, setChosenId] = useState<string>();
  const [analytics, setAnalytics] = useState<BroadcastAnalytics>();
  const { isBusy, error, run } = useAction();

  const choose = async (broadcastId: string): Promise<void> => {
    setChosenId(broadcastId);
    const answer = await run(
      callApi(ANALYTICS, {
        params: { streamId, broadcastId },
      }),
    );
    setAnalytics(answer?.analytics);
  };
  const load = async (): Promise<void> => {
    const listed = await run(callApi('GET /api/livestream/:streamId/broadcasts', { params: { streamId } }));
    setBroadcasts(listed?.broadcasts);
    const [newest] = listed?.broadcasts ?? [];
    if (newest) await choose(newest.id);
  };
  useEffect(() => void load(), [streamId]);

  return (
    <section class="analytics">
      <h3>Analytics</h3>
      <ErrorText>{error}</ErrorText>
      {broadcasts?.length === 0 && <p class="faint">None yet: they begin with the first broadcast.</p>}
      {broadcasts && broadcasts.length > 0 && (
        <div class="row">
          <label>
            Broadcast
            <select value={chosenId} onChange={(event) => void choose(event.currentTarget.value)}>
              {broadcasts.map(({ id, startedAt, endedAt }) => (
                <option key={id} value={id}>
                  {timeText(startedAt)}
                  {endedAt === null && ' (running)'}
                </option>
              ))}
            </select>
          </label>
          {chosenId && (
            <>
              <button type="button" disabled={isBusy} onClick={() => void choose(chosenId)}>
                Refresh
              </button>
              <a
                class="button"
                href={`${apiPath(ANALYTICS, { streamId, broadcastId: chosenId })}.csv`}
                download
              >
                Download CSV
              </a>
            </>
          )}
        </div>
      )}
      {analytics && <Analytics key={analytics.broadcast.id} analytics={analytics} />}
    </section>
  );
}

function Analytics({ analytics }: { analytics: BroadcastAnalytics }) {
  const { from, intervalS, series, views, viewers, watchTimeS, peakViewers, messages, authors } = analytics;
  const at = series.total.map((_, index) => Date.parse(from) + index * intervalS * 1_000);
  const byProtocol = (Object.keys(PROTOCOL_NAMES) as ('whep' | 'll-hls' | 'hls' | 'dash')[])
    .map((protocol) => ({ label: PROTOCOL_NAMES[protocol] ?? protocol, values: series[protocol] }))
    .filter(({ values }) => values.some((count) => count > 0));
  const every = intervalS === 60 ? 'a minute' : `in ${intervalS / 60} minutes`;
  return (
    <>
      <dl class="figures">
        <Figure name="Viewers" value={viewers} />
        <Figure name="Views" value={views} />
        <Figure name="Most at once" value={peakViewers} />
        <Figure name="Watched together" value={durationText(watchTimeS)} />
        <Figure name="Watched each" value={durationText(viewers === 0 ? 0 : watchTimeS / viewers)} />
        <Figure name="Chat messages" value={`${messages.toLocaleString()} by ${authors.toLocaleString()}`} />
      </dl>
      <div class="plots">
        {byProtocol.length > 0 && <Plot title="Viewers" unit="at most" at={at} lines={byProtocol} />}
        <Plot
          title="Came and left"
          unit={every}
          at={at}
          lines={[
            { label: 'came', values: series.joined },
            { label: 'left', values: series.departed },
          ]}
        />
        <Plot title="Chat messages" unit={every} at={at} lines={[{ label: '', values: series.messages }]} />
      </div>
    </>
  );
}

function Figure({ name, value }: { name: string; value: number | string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{typeof value === 'number' ? value.toLocaleString() : value}</dd>
    </div>
  );
}
