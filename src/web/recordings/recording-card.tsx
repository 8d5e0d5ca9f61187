import type { Recording } from '../../api/contract.js';
import { MediaCard } from '../cards/media-card.js';
import { durationText } from '../forms/format.js';
import { relativeTimeText } from '../home/relative-time.js';
import { currentLocale } from '../locale/language.js';
import { homeTexts } from '../texts/home.js';

type RecordingCardProps = { recording: Recording; nowMs: number };

/** Link to the page of a recording that is ready, with its picture, title and duration. */
export function RecordingCard({ recording, nowMs }: RecordingCardProps) {
  const { id, title, durationS, startedAt, playback } = recording;
  const poster = playback?.poster;
  return (
    <MediaCard
      href={`/recordings/${encodeURIComponent(id)}`}
      title={title}
      picture={poster && new URL(poster).pathname}
      duration={durationText(durationS)}
    >
      <time dateTime={startedAt} title={new Date(startedAt).toLocaleString(currentLocale())}>
        {homeTexts.recorded(relativeTimeText(startedAt, nowMs))}
      </time>
    </MediaCard>
  );
}
