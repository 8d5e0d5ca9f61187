import { useEffect, useState } from 'preact/hooks';
import { callApi, fetchActiveStreams, type Stream } from '../api/api-client.js';
import { Poll } from '../api/poll.js';
import { ConfirmButton } from '../forms/confirm-button.js';
import { ErrorText } from '../forms/error-text.js';
import { useAction } from '../forms/use-action.js';

/** Public livestreams that are being broadcast, with their sources. */
export function SessionList({ csrfToken }: { csrfToken: string | null }) {
  const [streams, setStreams] = useState<Stream[]>();
  const { error, run } = useAction();
  useEffect(() => {
    const poll = new Poll({
      fetch: fetchActiveStreams,
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
      <p class="faint">{streams?.length === 0 ? 'Nothing is broadcast.' : 'Public livestreams.'}</p>
      <ErrorText>{error}</ErrorText>
      <ul class="entries">
        {streams?.map((stream) => (
          <li key={stream.id}>
            <span>
              <a href={`/watch/${encodeURIComponent(stream.id)}`}>{stream.title}</a>{' '}
              <span class="faint">
                · {stream.viewers.total} watching{sourceText(stream)}
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
