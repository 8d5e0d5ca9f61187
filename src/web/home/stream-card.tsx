import type { Stream } from '../api/api-client.js';
import { MediaCard } from '../cards/media-card.js';
import { viewersText } from '../forms/format.js';
import { currentLocale } from '../locale/language.js';
import { homeTexts } from '../texts/home.js';
import { countdownText, uptimeText } from './relative-time.js';

type StreamCardProps = {
  stream: Stream;
  /** Time of the server, Unix ms. */
  nowMs: number;
  /** Leaves the broadcaster out, on a page that names it. */
  onChannel?: boolean;
};

/** Link to a livestream with its picture, title, broadcaster and state. */
export function StreamCard({ stream, nowMs, onChannel = false }: StreamCardProps) {
  const { id, title, tags, state, viewers, startedAt, scheduledAt, userName } = stream;
  const isUpcoming = state.name === 'offline';
  const card = {
    href: `/watch/${encodeURIComponent(id)}`,
    title,
    picture: ownPicture(stream),
    by: onChannel ? null : userName,
  };
  if (isUpcoming)
    return (
      <MediaCard {...card} label={{ tone: 'plain', text: homeTexts.upcoming }}>
        {scheduledAt && (
          <time dateTime={scheduledAt} title={new Date(scheduledAt).toLocaleString(currentLocale())}>
            {countdownText(scheduledAt, nowMs)}
          </time>
        )}
        <TagLinks tags={tags} />
      </MediaCard>
    );
  return (
    <MediaCard
      {...card}
      label={
        state.name === 'live'
          ? { tone: 'live', text: homeTexts.live }
          : { tone: 'busy', text: homeTexts.waiting }
      }
      duration={startedAt ? uptimeText(startedAt, nowMs) : undefined}
    >
      <span>{viewersText(viewers.total)}</span>
      <TagLinks tags={tags} />
    </MediaCard>
  );
}

/** Links that search for what has the same tag. */
function TagLinks({ tags }: { tags: string[] }) {
  if (tags.length === 0) return null;
  return (
    <span class="tags">
      {tags.map((tag) => (
        <a key={tag} class="tag" href={`/?${new URLSearchParams({ q: tag })}`} dir="auto">
          {tag}
        </a>
      ))}
    </span>
  );
}

/**
 * Returns the path of the thumbnail on this server. Images of other servers, which broadcasters may choose, are not loaded:
 * they would tell these servers who visits the page.
 */
function ownPicture({ id, thumbnailUrl }: Stream): string | undefined {
  if (thumbnailUrl === null || !URL.canParse(thumbnailUrl)) return undefined;
  const { pathname, search } = new URL(thumbnailUrl);
  return pathname.endsWith(`/livestream/${id}/thumbnail`) ? pathname + search : undefined;
}
