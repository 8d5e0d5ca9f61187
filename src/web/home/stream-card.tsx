import type { Stream } from '../api/api-client.js';
import { Badge } from '../pages/badge.js';
import { relativeTimeText } from './relative-time.js';

type StreamCardProps = { stream: Stream; nowMs: number };

/** Link to a livestream with its picture, title and state. */
export function StreamCard({ stream, nowMs }: StreamCardProps) {
  const { id, title, description, state, viewers, startedAt, scheduledAt } = stream;
  const picture = ownPicture(stream);
  const isUpcoming = state.name === 'offline';
  return (
    <li>
      <a href={`/watch/${encodeURIComponent(id)}`}>
        <span class="picture">{picture && <img src={picture} alt="" loading="lazy" />}</span>
        <strong>{title}</strong>
        <span class="facts">
          {isUpcoming ? (
            scheduledAt && (
              <time dateTime={scheduledAt} title={new Date(scheduledAt).toLocaleString()}>
                Starts {relativeTimeText(scheduledAt, nowMs)}
              </time>
            )
          ) : (
            <>
              <Badge
                badge={
                  state.name === 'live' ? { tone: 'live', text: 'Live' } : { tone: 'busy', text: 'Waiting' }
                }
              />
              <span>{viewers.total} watching</span>
              {startedAt && <time dateTime={startedAt}>Started {relativeTimeText(startedAt, nowMs)}</time>}
            </>
          )}
        </span>
        {description && <span class="description">{description}</span>}
      </a>
    </li>
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
