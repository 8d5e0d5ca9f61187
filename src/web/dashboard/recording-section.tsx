import { useEffect, useState } from 'preact/hooks';
import type { Recording } from '../../api/contract.js';
import type { CurrentUser } from '../account/account.js';
import { callApi } from '../api/api-client.js';
import { ErrorText } from '../forms/error-text.js';
import { useAction } from '../forms/use-action.js';
import { RecordingEntry } from './recording-entry.js';

type RecordingSectionProps = { currentUser: CurrentUser; streamId: string };

/** Recordings of a livestream, newest first. */
export function RecordingSection({ currentUser: { csrfToken }, streamId }: RecordingSectionProps) {
  const [recordings, setRecordings] = useState<Recording[]>();
  const { error, run } = useAction();

  const load = async (): Promise<void> => {
    const listed = await run(callApi('GET /api/livestream/:streamId/recordings', { params: { streamId } }));
    if (listed) setRecordings(listed.recordings);
  };
  useEffect(() => void load(), [streamId]);

  return (
    <section>
      <h3>Recordings</h3>
      {recordings?.length === 0 && (
        <p class="faint">None yet. Switch “Record every broadcast” on to keep them.</p>
      )}
      <ul class="entries">
        {recordings?.map((recording) => (
          <RecordingEntry
            key={recording.id}
            recording={recording}
            csrfToken={csrfToken}
            onChange={() => void load()}
          />
        ))}
      </ul>
      <ErrorText>{error}</ErrorText>
    </section>
  );
}
