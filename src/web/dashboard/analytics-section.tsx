import { useEffect, useState } from 'preact/hooks';
import type { BroadcastAnalytics, BroadcastView } from '../../api/contract.js';
import { apiPath, callApi } from '../api/api-client.js';
import { ErrorText } from '../forms/error-text.js';
import { durationText, timeText } from '../forms/format.js';
import { useAction } from '../forms/use-action.js';
import { number } from '../locale/format.js';
import { Plot } from '../studio/plot.js';
import { formsTexts } from '../texts/forms.js';
import { livestreamTexts } from '../texts/livestream.js';
import { studioTexts } from '../texts/studio.js';

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
      <h3>{livestreamTexts.analytics}</h3>
      <ErrorText>{error}</ErrorText>
      {broadcasts?.length === 0 && <p class="faint">{livestreamTexts.noAnalytics}</p>}
      {broadcasts && broadcasts.length > 0 && (
        <div class="row">
          <label>
            {livestreamTexts.broadcast}
            <select value={chosenId} onChange={(event) => void choose(event.currentTarget.value)}>
              {broadcasts.map(({ id, startedAt, endedAt }) => (
                <option key={id} value={id}>
                  {timeText(startedAt)}
                  {endedAt === null && ` ${livestreamTexts.running}`}
                </option>
              ))}
            </select>
          </label>
          {chosenId && (
            <>
              <button type="button" disabled={isBusy} onClick={() => void choose(chosenId)}>
                {formsTexts.refresh}
              </button>
              <a
                class="button"
                href={`${apiPath(ANALYTICS, { streamId, broadcastId: chosenId })}.csv`}
                download
              >
                {livestreamTexts.downloadCsv}
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
  const {
    from,
    intervalS,
    series,
    views,
    viewers,
    watchTimeS,
    peakViewers,
    messages,
    authors,
    joinFailures,
  } = analytics;
  const at = series.total.map((_, index) => Date.parse(from) + index * intervalS * 1_000);
  const byProtocol = (Object.keys(studioTexts.protocols) as ('whep' | 'll-hls' | 'hls' | 'dash')[])
    .map((protocol) => ({ label: studioTexts.protocols[protocol] ?? protocol, values: series[protocol] }))
    .filter(({ values }) => values.some((count) => count > 0));
  const failed = joinFailures.reduce((sum, { failures }) => sum + failures, 0);
  const every = livestreamTexts.everyMinutes(intervalS / 60);
  return (
    <>
      <dl class="figures">
        <Figure name={livestreamTexts.viewers} value={viewers} />
        <Figure name={livestreamTexts.views} value={views} />
        <Figure name={livestreamTexts.mostAtOnce} value={peakViewers} />
        <Figure name={livestreamTexts.watchedTogether} value={durationText(watchTimeS)} />
        <Figure
          name={livestreamTexts.watchedEach}
          value={durationText(viewers === 0 ? 0 : watchTimeS / viewers)}
        />
        <Figure name={livestreamTexts.couldNotJoin} value={failed} />
        <Figure name={livestreamTexts.chatMessages} value={livestreamTexts.messagesBy(messages, authors)} />
      </dl>
      {failed > 0 && (
        <p class="faint">
          {livestreamTexts.couldNotJoinBy(
            joinFailures.map(({ code, failures }) => `${code} ${number(failures)}`).join(', '),
          )}
        </p>
      )}
      <div class="plots">
        {byProtocol.length > 0 && (
          <Plot title={livestreamTexts.viewers} unit={livestreamTexts.atMost} at={at} lines={byProtocol} />
        )}
        <Plot
          title={livestreamTexts.cameAndLeft}
          unit={every}
          at={at}
          lines={[
            { label: livestreamTexts.came, values: series.joined },
            { label: livestreamTexts.left, values: series.departed },
            { label: livestreamTexts.noPicture, values: series.joinFailures },
          ]}
        />
        <Plot
          title={livestreamTexts.chatMessages}
          unit={every}
          at={at}
          lines={[{ label: '', values: series.messages }]}
        />
      </div>
    </>
  );
}

function Figure({ name, value }: { name: string; value: number | string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{typeof value === 'number' ? number(value) : value}</dd>
    </div>
  );
}
