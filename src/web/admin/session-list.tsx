import { useEffect, useState } from 'preact/hooks';
import { callApi, type Stream } from '../api/api-client.js';
import { Poll } from '../api/poll.js';
import { badgeOf } from '../dashboard/livestream-card.js';
import { ConfirmButton } from '../forms/confirm-button.js';
import { ErrorText } from '../forms/error-text.js';
import { useAction } from '../forms/use-action.js';
import { Badge } from '../pages/badge.js';
import { viewersText } from '../studio/viewer-minutes.js';

/** Broadcasts that run or wait for their publisher, with their sources and viewers. */
export function SessionList({ csrfToken }: { csrfToken: string | null }) {
  const [streams, setStreams] = useState<Stream[]>();
  const { error, run } = useAction();
  useEffect(() => {
    const poll = new Poll({
      fetch: (signal) => callApi('GET /api/admin/sessions', { signal }),
      onResult: (result) => {
        if (result.kind === 'ok') setStreams(result.value.streams);
        return 'fast';
      },
    });
    poll.start();
    return () => poll.close();
  }, []);

  return (
    <section class="card" aria-labelledby="sessions">
      <h2 id="sessions">Live sessions</h2>
      {streams?.length === 0 && <p class="faint">Nothing is broadcast.</p>}
      <ErrorText>{error}</ErrorText>
      <ul class="entries">
        {streams?.map((stream) => (
          <li key={stream.id}>
            <span>
              <a href={`/watch/${encodeURIComponent(stream.id)}`}>{stream.title}</a>{' '}
              <Badge badge={badgeOf(stream)} />
              <br />
              <span class="faint">
                {viewersText(stream.viewers)}
                {stream.visibility !== 'public' && ` · ${stream.visibility}`}
                {sourceText(stream)}
              </span>
            </span>
            <ConfirmButton
              question="Disconnect the publisher? It may connect again."
              onConfirm={() =>
                void run(
                  callApi('POST /api/livestream/:streamId/kick', {
                    params: { streamId: stream.id },
                    csrfToken,
                  }),
                )
              }
            >
              Disconnect
            </ConfirmButton>
          </li>
        ))}
      </ul>
    </section>
  );
}

function sourceText({ source }: Stream): string {
  if (!source) return '';
  const { protocol, encoder, video } = source;
  const size = video?.height === undefined ? '' : ` ${video.width}×${video.height}`;
  const rate = video?.bitrate === undefined ? '' : ` ${(video.bitrate / 1e6).toFixed(1)} Mbit/s`;
  return ` · ${protocol.toUpperCase()}${encoder ? ` by ${encoder}` : ''}${video ? ` · ${video.codec}${size}${rate}` : ''}`;
}
