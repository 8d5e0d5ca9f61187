import type { Clip } from '../../api/contract.js';
import { MediaCard } from '../cards/media-card.js';
import { durationText } from '../forms/format.js';
import { relativeTimeText } from '../home/relative-time.js';
import { currentLocale } from '../locale/language.js';
import { homeTexts } from '../texts/home.js';

/** Link to the page of a public clip that is ready. */
export function ClipCard({ clip, nowMs }: { clip: Clip; nowMs: number }) {
  const { id, title, durationS, createdAt, playback } = clip;
  return (
    <MediaCard
      href={`/clips/${encodeURIComponent(id)}`}
      title={title}
      picture={playback ? new URL(playback.poster).pathname : undefined}
      duration={durationText(durationS)}
    >
      <time dateTime={createdAt} title={new Date(createdAt).toLocaleString(currentLocale())}>
        {homeTexts.clipped(relativeTimeText(createdAt, nowMs))}
      </time>
    </MediaCard>
  );
}
