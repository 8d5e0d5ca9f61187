import { useEffect, useState } from 'preact/hooks';
import type { CreateResponse } from '../../api/contract.js';
import { fetchStream } from '../api/api-client.js';
import { Poll } from '../api/poll.js';
import { storeStreamKey } from '../broadcast/stream-key-store.js';
import { CopyField } from '../forms/copy-field.js';

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
            <strong>You are live.</strong> <a href={watch}>Watch the livestream</a>
          </>
        ) : (
          'Waiting for your broadcast…'
        )}
      </p>
      <div class="choices">
        <section class="card" aria-labelledby="with-obs">
          <h2 id="with-obs">With OBS</h2>
          <p>Settings → Stream: service “Custom…”. Settings → Output: keyframe interval 2 s.</p>
          <CopyField label="Server" value={ingest.rtmp.server} />
          <CopyField label="Stream key" value={ingest.rtmp.key} isSecret />
          <p class="faint">The stream key is shown only now. Whoever has it can broadcast here.</p>
        </section>
        <section class="card" aria-labelledby="with-browser">
          <h2 id="with-browser">With this browser</h2>
          <p>Broadcast your camera or screen, without other software.</p>
          <a class="button primary" href="/broadcast" onClick={() => storeStreamKey(streamKey)}>
            Broadcast from this browser
          </a>
        </section>
      </div>
    </>
  );
}
