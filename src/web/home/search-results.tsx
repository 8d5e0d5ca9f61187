import { search } from '../api/api-client.js';
import { usePoll } from '../api/use-poll.js';
import { useServerTime } from '../api/use-server-time.js';
import { Avatar } from '../cards/avatar.js';
import { CardSection } from '../cards/card-section.js';
import { channelPath } from '../cards/media-card.js';
import { VideoCard } from '../cards/video-card.js';
import { ClipCard } from '../clips/clip-card.js';
import { RecordingCard } from '../recordings/recording-card.js';
import { homeTexts } from '../texts/home.js';
import { StreamCard } from './stream-card.js';

/** Everything public that a search finds. */
export function SearchResults({ words }: { words: string }) {
  const nowMs = useServerTime();
  const { value, reachable } = usePoll(words, (signal) => search(words, signal));
  const lists = value ? [value.channels, value.streams, value.recordings, value.clips, value.videos] : [];
  const count = lists.reduce((sum, { length }) => sum + length, 0);
  return (
    <>
      <h1>
        {homeTexts.resultsFor} <bdi>“{words}”</bdi>
      </h1>
      <p role="status" aria-live="polite">
        {summaryText(reachable, value === undefined, count)}
      </p>
      {value && count === 0 && (
        <div class="empty">
          <p>{homeTexts.nothingFound}</p>
          <a class="button" href="/">
            {homeTexts.seeLive}
          </a>
        </div>
      )}
      {value && value.channels.length > 0 && (
        <section aria-label={homeTexts.channels}>
          <div class="section-head">
            <h2>{homeTexts.channels}</h2>
          </div>
          <ul class="channels">
            {value.channels.map(({ userId, name }) => (
              <li key={userId}>
                <a href={channelPath(name)}>
                  <Avatar name={name} />
                  <bdi>{name}</bdi>
                </a>
              </li>
            ))}
          </ul>
        </section>
      )}
      <CardSection title={homeTexts.liveAndUpcoming} count={value?.streams.length ?? 0}>
        {value?.streams.map((stream) => (
          <StreamCard key={stream.id} stream={stream} nowMs={nowMs} />
        ))}
      </CardSection>
      <CardSection title={homeTexts.recordings} count={value?.recordings.length ?? 0}>
        {value?.recordings.map((recording) => (
          <RecordingCard key={recording.id} recording={recording} nowMs={nowMs} />
        ))}
      </CardSection>
      <CardSection title={homeTexts.clips} count={value?.clips.length ?? 0}>
        {value?.clips.map((clip) => (
          <ClipCard key={clip.id} clip={clip} nowMs={nowMs} />
        ))}
      </CardSection>
      <CardSection title={homeTexts.videos} count={value?.videos.length ?? 0}>
        {value?.videos.map((video) => (
          <VideoCard key={video.id} video={video} nowMs={nowMs} />
        ))}
      </CardSection>
    </>
  );
}

function summaryText(reachable: boolean, isLoading: boolean, count: number): string {
  if (!reachable) return homeTexts.unreachable;
  if (isLoading) return homeTexts.searching;
  return homeTexts.results(count);
}
