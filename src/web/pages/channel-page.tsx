import { useEffect, useState } from 'preact/hooks';
import type { PublicChannel } from '../../api/contract.js';
import { type ChannelContent, fetchChannel, fetchChannelContent } from '../api/api-client.js';
import { usePoll } from '../api/use-poll.js';
import { useServerTime } from '../api/use-server-time.js';
import { Avatar } from '../cards/avatar.js';
import { CardSection } from '../cards/card-section.js';
import { VideoCard } from '../cards/video-card.js';
import { FollowButton } from '../channel/follow-button.js';
import { ClipCard } from '../clips/clip-card.js';
import { StreamCard } from '../home/stream-card.js';
import { RecordingCard } from '../recordings/recording-card.js';
import { formsTexts } from '../texts/forms.js';
import { mediaTexts } from '../texts/media.js';
import '../forms/forms.css';
import '../channel/channel.css';
import '../cards/cards.css';

/** Entries of each list at first, and after "Show more". */
const LIMITS = { first: 12, all: 100 };

/** Page of a channel: what is live, planned, recorded, clipped and uploaded. */
export function ChannelPage({ name }: { name: string }) {
  const channel = usePoll(name, (signal) => fetchChannel(name, signal));
  const [limit, setLimit] = useState(LIMITS.first);
  const { userId } = channel.value?.channel ?? {};
  const content = usePoll(userId && `${userId} ${limit}`, (signal) =>
    fetchChannelContent(userId ?? '', limit, signal),
  );

  const shown = channel.value?.channel.name ?? name;
  useEffect(() => {
    document.title = `${shown} · Headend`;
  }, [shown]);

  if (channel.missing)
    return (
      <main class="channel">
        <div class="empty">
          <h1>
            {mediaTexts.noChannelNamed} <bdi>{name}</bdi>.
          </h1>
          <p>{mediaTexts.checkSpelling}</p>
          <a class="button" href="/">
            {mediaTexts.toFirstPage}
          </a>
        </div>
      </main>
    );
  const reachable = channel.reachable && content.reachable;
  return (
    <main class="channel">
      {channel.value && <ChannelHead channel={channel.value.channel} />}
      <p role="status" aria-live="polite">
        {reachable ? (content.value ? '' : formsTexts.loading) : formsTexts.unreachable}
      </p>
      {content.value && <Content name={shown} content={content.value} />}
      {content.value && limit < LIMITS.all && hasMore(content.value, limit) && (
        <button type="button" onClick={() => setLimit(LIMITS.all)}>
          {formsTexts.showMore}
        </button>
      )}
    </main>
  );
}

function ChannelHead({ channel }: { channel: PublicChannel }) {
  const { userId, name, description, followers } = channel;
  // Until the next answer of the server.
  const [change, setChange] = useState(0);
  useEffect(() => setChange(0), [followers]);
  return (
    <header class="channel-head">
      <Avatar name={name} />
      <div>
        <h1>
          <bdi>{name}</bdi>
        </h1>
        <p class="followers">{mediaTexts.followers(followers + change)}</p>
        {description && (
          <p class="description" dir="auto">
            {description}
          </p>
        )}
      </div>
      <FollowButton
        userId={userId}
        onChange={(following) => setChange((before) => before + (following ? 1 : -1))}
      />
    </header>
  );
}

function Content({ name, content }: { name: string; content: ChannelContent }) {
  const nowMs = useServerTime();
  const { live, upcoming, recordings, clips, videos } = content;
  if (Object.values(content).every((list) => list.length === 0))
    return (
      <div class="empty">
        <p>
          <bdi>{name}</bdi> {mediaTexts.nothingYet}
        </p>
      </div>
    );
  return (
    <>
      <CardSection title={mediaTexts.liveNow} count={live.length}>
        {live.map((stream) => (
          <StreamCard key={stream.id} stream={stream} nowMs={nowMs} onChannel />
        ))}
      </CardSection>
      <CardSection title={mediaTexts.upcoming} count={upcoming.length}>
        {upcoming.map((stream) => (
          <StreamCard key={stream.id} stream={stream} nowMs={nowMs} onChannel />
        ))}
      </CardSection>
      <CardSection title={mediaTexts.recordings} count={recordings.length}>
        {recordings.map((recording) => (
          <RecordingCard key={recording.id} recording={recording} nowMs={nowMs} />
        ))}
      </CardSection>
      <CardSection title={mediaTexts.clips} count={clips.length}>
        {clips.map((clip) => (
          <ClipCard key={clip.id} clip={clip} nowMs={nowMs} />
        ))}
      </CardSection>
      <CardSection title={mediaTexts.videos} count={videos.length}>
        {videos.map((video) => (
          <VideoCard key={video.id} video={video} nowMs={nowMs} />
        ))}
      </CardSection>
    </>
  );
}

function hasMore(content: ChannelContent, limit: number): boolean {
  return Object.values(content).some((list) => list.length >= limit);
}
