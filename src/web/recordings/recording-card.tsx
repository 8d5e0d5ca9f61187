import type { Recording } from '../../api/contract.js';
import { durationText } from '../forms/format.js';
import { relativeTimeText } from '../home/relative-time.js';

type RecordingCardProps = { recording: Recording; nowMs: number };

/** Link to the page of a recording that is ready, with its picture, title and duration. */
export function RecordingCard({ recording, nowMs }: RecordingCardProps) {
  const { id, title, durationS, startedAt, playback } = recording;
  const poster = playback?.poster;
  return (
    <li>
      <a href={`/recordings/${encodeURIComponent(id)}`}>
        <span class="picture">{poster && <img src={new URL(poster).pathname} alt="" loading="lazy" />}</span>
        <strong>{title}</strong>
        <span class="facts">
          <span>{durationText(durationS)}</span>
          <time dateTime={startedAt} title={new Date(startedAt).toLocaleString()}>
            Recorded {relativeTimeText(startedAt, nowMs)}
          </time>
        </span>
      </a>
    </li>
  );
}
