import { useEffect, useState } from 'preact/hooks';
import type { Recording } from '../../api/contract.js';
import { callApi } from '../api/api-client.js';
import { mediaTexts } from '../texts/media.js';
import { RecordingCard } from './recording-card.js';
import '../cards/cards.css';

/** Recordings of a livestream that this viewer may watch, newest first. */
export function StreamRecordings({ streamId }: { streamId: string }) {
  const [recordings, setRecordings] = useState<Recording[]>([]);

  useEffect(() => {
    const closing = new AbortController();
    const { signal } = closing;
    void callApi('GET /api/livestream/:streamId/recordings', { params: { streamId }, signal }).then(
      (answer) => {
        if (answer.kind === 'ok')
          setRecordings(answer.value.recordings.filter(({ state }) => state === 'ready'));
      },
    );
    return () => closing.abort();
  }, [streamId]);

  if (recordings.length === 0) return null;
  const nowMs = Date.now();
  return (
    <section aria-labelledby="recordings">
      <h2 id="recordings">{mediaTexts.recordings}</h2>
      <ul class="streams">
        {recordings.map((recording) => (
          <RecordingCard key={recording.id} recording={recording} nowMs={nowMs} />
        ))}
      </ul>
    </section>
  );
}
