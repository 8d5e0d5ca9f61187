import { useEffect, useState } from 'preact/hooks';
import { callApi, type Stream } from '../api/api-client.js';
import { Poll } from '../api/poll.js';
import { badgeOf } from '../dashboard/livestream-card.js';
import { ConfirmButton } from '../forms/confirm-button.js';
import { ErrorText } from '../forms/error-text.js';
import { useAction } from '../forms/use-action.js';
import { number } from '../locale/format.js';
import { Badge } from '../pages/badge.js';
import { viewersText } from '../studio/viewer-minutes.js';
import { adminTexts } from '../texts/admin.js';
import { formsTexts } from '../texts/forms.js';

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
      <h2 id="sessions">{adminTexts.liveSessions}</h2>
      {streams?.length === 0 && <p class="faint">{adminTexts.nothingBroadcast}</p>}
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
                {stream.visibility !== 'public' && ` · ${formsTexts.visibility[stream.visibility]}`}
                {sourceText(stream)}
              </span>
            </span>
            <ConfirmButton
              question={adminTexts.disconnectQuestion}
              onConfirm={() =>
                void run(
                  callApi('POST /api/livestream/:streamId/kick', {
                    params: { streamId: stream.id },
                    csrfToken,
                  }),
                )
              }
            >
              {adminTexts.disconnect}
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
  const rate = video?.bitrate === undefined ? '' : ` ${number(video.bitrate / 1e6, 1)} Mbit/s`;
  const name = protocol.toUpperCase();
  return ` · ${encoder ? adminTexts.byEncoder(name, encoder) : name}${video ? ` · ${video.codec}${size}${rate}` : ''}`;
}
