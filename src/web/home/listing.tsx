import {
  fetchActiveStreams,
  fetchRecentClips,
  fetchRecentRecordings,
  fetchRecentVideos,
  fetchUpcomingStreams,
} from '../api/api-client.js';
import { usePoll } from '../api/use-poll.js';
import { useServerTime } from '../api/use-server-time.js';
import { CardSection } from '../cards/card-section.js';
import { VideoCard } from '../cards/video-card.js';
import { ClipCard } from '../clips/clip-card.js';
import { RecordingCard } from '../recordings/recording-card.js';
import { homeTexts } from '../texts/home.js';
import { StreamCard } from './stream-card.js';

/** Lists what is live, upcoming and recent, and keeps the lists current. */
export function Listing() {
  const nowMs = useServerTime();
  const active = usePoll('active', fetchActiveStreams);
  const upcoming = usePoll('upcoming', fetchUpcomingStreams).value?.streams ?? [];
  const recordings = usePoll('recordings', fetchRecentRecordings).value?.recordings ?? [];
  const clips = usePoll('clips', fetchRecentClips).value?.clips ?? [];
  const videos = usePoll('videos', fetchRecentVideos).value?.videos ?? [];
  const live = active.value?.streams;
  return (
    <>
      <h1>{homeTexts.liveNow}</h1>
      <p role="status" aria-live="polite">
        {summaryText(live?.length, active.reachable)}
      </p>
      {live?.length === 0 && (
        <div class="empty">
          <p>{recordings.length > 0 ? homeTexts.emptyWithRecordings : homeTexts.empty}</p>
          <a class="button primary" href="/dashboard">
            {homeTexts.goLive}
          </a>
        </div>
      )}
      <ul class="streams" aria-label={homeTexts.liveNow}>
        {live?.map((stream) => (
          <StreamCard key={stream.id} stream={stream} nowMs={nowMs} />
        ))}
      </ul>
      <CardSection title={homeTexts.upcoming} count={upcoming.length}>
        {upcoming.map((stream) => (
          <StreamCard key={stream.id} stream={stream} nowMs={nowMs} />
        ))}
      </CardSection>
      <CardSection title={homeTexts.recentRecordings} count={recordings.length}>
        {recordings.map((recording) => (
          <RecordingCard key={recording.id} recording={recording} nowMs={nowMs} />
        ))}
      </CardSection>
      <CardSection title={homeTexts.recentClips} count={clips.length}>
        {clips.map((clip) => (
          <ClipCard key={clip.id} clip={clip} nowMs={nowMs} />
        ))}
      </CardSection>
      <CardSection title={homeTexts.recentVideos} count={videos.length}>
        {videos.map((video) => (
          <VideoCard key={video.id} video={video} nowMs={nowMs} />
        ))}
      </CardSection>
    </>
  );
}

function summaryText(live: number | undefined, reachable: boolean): string {
  if (!reachable) return homeTexts.unreachable;
  if (live === undefined) return homeTexts.loading;
  if (live === 0) return homeTexts.nothingLive;
  return homeTexts.streamsLive(live);
}
