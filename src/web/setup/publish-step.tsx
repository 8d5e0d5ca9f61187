import { useEffect, useState } from 'preact/hooks';
import type { CreateResponse } from '../../api/contract.js';
import { fetchStream } from '../api/api-client.js';
import { Poll } from '../api/poll.js';
import { storeStreamKey } from '../broadcast/stream-key-store.js';
import { CopyField } from '../forms/copy-field.js';
import { formsTexts } from '../texts/forms.js';
import { setupTexts } from '../texts/setup.js';

type PublishStepProps = { created: CreateResponse };

/** Shows both ways to publish, and when the livestream is live. */
export function PublishStep({ created: { streamId, streamKey, ingest } }: PublishStepProps) {
  const [isLive, setIsLive] = useState(false);
  useEffect(() => {
    const poll = new Poll({
      fetch: (signal) => fetchStream(streamId, signal),
      onResult: (result) => {
        if (result.kind === 'ok') setIsLive(result.value.stream.state.name === 'live');
        return 'fast';
      },
    });
    poll.start();
    return () => poll.close();
  }, [streamId]);
  const watch = `/watch/${encodeURIComponent(streamId)}`;

  return (
    <>
      <p role="status" aria-live="polite">
        {isLive ? (
          <>
            <strong>{setupTexts.youAreLive}</strong> <a href={watch}>{setupTexts.watchLivestream}</a>
          </>
        ) : (
          setupTexts.waiting
        )}
      </p>
      <div class="choices">
        <section class="card" aria-labelledby="with-obs">
          <h2 id="with-obs">{setupTexts.withObs}</h2>
          <p>{setupTexts.obsSteps}</p>
          <CopyField label={formsTexts.server} value={ingest.rtmp.server} />
          <CopyField label={formsTexts.streamKey} value={ingest.rtmp.key} isSecret />
          <p class="faint">{setupTexts.keyShownNow}</p>
        </section>
        <section class="card" aria-labelledby="with-browser">
          <h2 id="with-browser">{setupTexts.withBrowser}</h2>
          <p>{setupTexts.browserNote}</p>
          <a class="button primary" href="/broadcast" onClick={() => storeStreamKey(streamKey)}>
            {setupTexts.fromBrowser}
          </a>
        </section>
      </div>
    </>
  );
}
