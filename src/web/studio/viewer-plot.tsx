import { useEffect, useState } from 'preact/hooks';
import type { ViewersResponse } from '../../api/contract.js';
import { callApi } from '../api/api-client.js';
import { Poll } from '../api/poll.js';
import { serverClock } from '../api/server-clock.js';
import { studioTexts } from '../texts/studio.js';
import { Plot } from './plot.js';
import { filledMinutes } from './viewer-minutes.js';

/** Length of the plot. */
const MINUTES = 120;

/** Viewers of the last two hours by protocol, and now. */
export function ViewerPlot({ streamId }: { streamId: string }) {
  const [known, setKnown] = useState<ViewersResponse>();
  useEffect(() => {
    const poll = new Poll({
      fetch: (signal) =>
        callApi('GET /api/livestream/:streamId/viewers', {
          ...{ params: { streamId }, query: { minutes: String(MINUTES) }, signal },
        }),
      onResult: (result) => {
        if (result.kind === 'ok') setKnown(result.value);
        return 'slow';
      },
    });
    poll.start();
    return () => poll.close();
  }, [streamId]);

  if (!known?.history?.length) return null;
  const { at, byProtocol } = filledMinutes(known.history, serverClock.now(), MINUTES);
  const lines = Object.entries(studioTexts.protocols)
    .map(([protocol, label]) => ({ label, values: byProtocol[protocol] ?? [] }))
    .filter(({ values }) => values.some((count) => count > 0));
  if (lines.length === 0) return null;
  return (
    <section class="viewer-plot">
      <Plot
        key={lines.map(({ label }) => label).join()}
        title={studioTexts.viewers}
        unit={studioTexts.atMostByMinute}
        {...{ at, lines }}
      />
    </section>
  );
}
