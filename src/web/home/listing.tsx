import {
  fetchActiveStreams,
  fetchRecentClips,
  fetchRecentRecordings,
  fetchUpcomingStreams,
} from '../api/api-client.js';
import { usePoll } from '../api/use-poll.js';
import { useServerTime } from '../api/use-server-time.js';
import { CardSection } from '../cards/card-section.js';
import { ClipCard } from '../clips/clip-card.js';
import { RecordingCard } from '../recordings/recording-card.js';
import { StreamCard } from './stream-card.js';

/** Lists what is live, upcoming and recent, and keeps the lists current. */
export function Listing() {
  const nowMs = useServerTime();
  const active = usePoll('active', fetchActiveStreams);
  const upcoming = usePoll('upcoming', fetchUpcomingStreams).value?.streams ?? [];
  const recordings = usePoll('recordings', fetchRecentRecordings).value?.recordings ?? [];
  const clips = usePoll('clips', fetchRecentClips).value?.clips ?? [];
  const live = active.value?.streams;
  return (
    <>
      <h1>Live now</h1>
      <p role="status" aria-live="polite">
        {summaryText(live?.length, active.reachable)}
      </p>
      {live?.length === 0 && (
        <div class="empty">
          <p>
            {recordings.length > 0
              ? 'Watch a recording meanwhile, or go live yourself with OBS or from this browser.'
              : 'Go live with OBS or from this browser: the dashboard shows how.'}
          </p>
          <a class="button primary" href="/dashboard">
            Go live
          </a>
        </div>
      )}
      <ul class="streams" aria-label="Live now">
        {live?.map((stream) => (
          <StreamCard key={stream.id} stream={stream} nowMs={nowMs} />
        ))}
      </ul>
      <CardSection title="Upcoming" count={upcoming.length}>
        {upcoming.map((stream) => (
          <StreamCard key={stream.id} stream={stream} nowMs={nowMs} />
        ))}
      </CardSection>
      <CardSection title="Recent recordings" count={recordings.length}>
        {recordings.map((recording) => (
          <RecordingCard key={recording.id} recording={recording} nowMs={nowMs} />
        ))}
      </CardSection>
      <CardSection title="Recent clips" count={clips.length}>
        {clips.map((clip) => (
          <ClipCard key={clip.id} clip={clip} nowMs={nowMs} />
        ))}
      </CardSection>
    </>
  );
}

function summaryText(live: number | undefined, reachable: boolean): string {
  if (!reachable) return 'The server does not answer. Trying again…';
  if (live === undefined) return 'Loading…';
  if (live === 0) return 'Nothing is live. This page notices by itself when that changes.';
  return live === 1 ? 'One stream is live.' : `${live} streams are live.`;
}
