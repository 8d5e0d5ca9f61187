import type { Video } from '../../api/contract.js';
import { durationText } from '../forms/format.js';
import { relativeTimeText } from '../home/relative-time.js';
import { currentLocale } from '../locale/language.js';
import { homeTexts } from '../texts/home.js';
import { MediaCard } from './media-card.js';

/** Link to the page of an uploaded video that is ready. */
export function VideoCard({ video, nowMs }: { video: Video; nowMs: number }) {
  const { id, title, durationS, createdAt, playback } = video;
  return (
    <MediaCard
      href={`/videos/${encodeURIComponent(id)}`}
      title={title}
      picture={playback ? new URL(playback.poster).pathname : undefined}
      duration={durationS === null ? undefined : durationText(durationS)}
    >
      <time dateTime={createdAt} title={new Date(createdAt).toLocaleString(currentLocale())}>
        {homeTexts.uploaded(relativeTimeText(createdAt, nowMs))}
      </time>
    </MediaCard>
  );
}
