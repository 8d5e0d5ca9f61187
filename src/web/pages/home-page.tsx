import { useEffect, useState } from 'preact/hooks';
import type { Recording } from '../../api/contract.js';
import {
  fetchActiveStreams,
  fetchRecentRecordings,
  fetchUpcomingStreams,
  type Stream,
} from '../api/api-client.js';
import { Poll } from '../api/poll.js';
import { StreamCard } from '../home/stream-card.js';
import { RecordingCard } from '../recordings/recording-card.js';

type Listing = {
  live: Stream[] | undefined;
  upcoming: Stream[];
  recordings: Recording[];
  reachable: boolean;
  nowMs: number;
};

/** Page that lists live and upcoming livestreams and recent recordings, and keeps the lists current. */
export function HomePage() {
  const [listing, setListing] = useState<Listing>({
    ...{ live: undefined, upcoming: [], recordings: [], reachable: true, nowMs: Date.now() },
  });

  useEffect(() => {
    document.title = 'Live now · Headend';
    const live = new Poll({
      fetch: fetchActiveStreams,
      onResult: (result) => {
        setListing((before) => ({
          ...before,
          ...(result.kind === 'ok' ? { live: result.value.streams } : {}),
          reachable: result.kind === 'ok',
          nowMs: Date.now(),
        }));
        return 'slow';
      },
    });
    const upcoming = new Poll({
      fetch: fetchUpcomingStreams,
      onResult: (result) => {
        if (result.kind === 'ok')
          setListing((before) => ({ ...before, upcoming: result.value.streams, nowMs: Date.now() }));
        return 'slow';
      },
    });
    const recordings = new Poll({
      fetch: fetchRecentRecordings,
      onResult: (result) => {
        if (result.kind === 'ok')
          setListing((before) => ({ ...before, recordings: result.value.recordings, nowMs: Date.now() }));
        return 'slow';
      },
    });
    const polls = [live, upcoming, recordings];
    for (const poll of polls) poll.start();
    return () => {
      for (const poll of polls) poll.close();
    };
  }, []);

  const { live, upcoming, recordings, nowMs } = listing;
  return (
    <main class="home">
      <h1>Live now</h1>
      <p role="status" aria-live="polite">
        {summaryText(listing)}
      </p>
      <ul class="streams">
        {live?.map((stream) => (
          <StreamCard key={stream.id} stream={stream} nowMs={nowMs} />
        ))}
      </ul>
      {upcoming.length > 0 && (
        <>
          <h2>Upcoming</h2>
          <ul class="streams">
            {upcoming.map((stream) => (
              <StreamCard key={stream.id} stream={stream} nowMs={nowMs} />
            ))}
          </ul>
        </>
      )}
      {recordings.length > 0 && (
        <>
          <h2>Recent recordings</h2>
          <ul class="streams">
            {recordings.map((recording) => (
              <RecordingCard key={recording.id} recording={recording} nowMs={nowMs} />
            ))}
          </ul>
        </>
      )}
    </main>
  );
}

function summaryText({ live, reachable }: Listing): string {
  if (!reachable) return 'The server does not answer. Trying again…';
  if (!live) return 'Loading…';
  if (live.length === 0) return 'Nothing is live. This page notices by itself when that changes.';
  return live.length === 1 ? 'One stream is live.' : `${live.length} streams are live.`;
}
