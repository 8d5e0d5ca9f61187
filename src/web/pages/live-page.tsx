import { useEffect, useState } from 'preact/hooks';
import { fetchActiveStreams, type Stream } from '../api/api-client.js';
import { Poll } from '../api/poll.js';
import { Badge } from './badge.js';

type Listing = { streams: Stream[] | undefined; reachable: boolean };

/** Page that lists the live streams and keeps the list current. */
export function LivePage() {
  const [listing, setListing] = useState<Listing>({ streams: undefined, reachable: true });

  useEffect(() => {
    document.title = 'Live now · Headend';
    const poll = new Poll({
      fetch: fetchActiveStreams,
      onResult: (result) => {
        setListing((before) =>
          result.kind === 'ok'
            ? { streams: result.value.streams, reachable: true }
            : { streams: before.streams, reachable: false },
        );
        return 'slow';
      },
    });
    poll.start();
    return () => poll.close();
  }, []);

  return (
    <main class="live">
      <h1>Live now</h1>
      <p role="status" aria-live="polite">
        {summaryText(listing)}
      </p>
      <ul class="streams">
        {listing.streams?.map((stream) => (
          <li key={stream.id}>
            <a href={`/watch/${encodeURIComponent(stream.id)}`}>
              <strong>{stream.title}</strong>
              <Badge
                badge={
                  stream.state.name === 'live'
                    ? { tone: 'live', text: 'Live' }
                    : { tone: 'busy', text: 'Waiting' }
                }
              />
              {stream.description && <span class="description">{stream.description}</span>}
            </a>
          </li>
        ))}
      </ul>
    </main>
  );
}

function summaryText({ streams, reachable }: Listing): string {
  if (!reachable) return 'The server does not answer. Trying again…';
  if (!streams) return 'Loading…';
  if (streams.length === 0) return 'Nothing is live. This page notices by itself when that changes.';
  return streams.length === 1 ? 'One stream is live.' : `${streams.length} streams are live.`;
}
