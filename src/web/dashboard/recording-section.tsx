import { useEffect, useState } from 'preact/hooks';
import type { Recording } from '../../api/contract.js';
import type { CurrentUser } from '../account/account.js';
import { callApi } from '../api/api-client.js';
import { ErrorText } from '../forms/error-text.js';
import { useAction } from '../forms/use-action.js';
import { livestreamTexts } from '../texts/livestream.js';
import { RecordingEntry } from './recording-entry.js';

type RecordingSectionProps = {
  currentUser: CurrentUser;
  streamId: string;
  /** Something is broadcast, which can be recorded by hand. */
  isLive?: boolean;
};

/** Recordings of a livestream, newest first. */
export function RecordingSection({ currentUser: { csrfToken }, streamId, isLive }: RecordingSectionProps) {
  const [recordings, setRecordings] = useState<Recording[]>();
  const { isBusy, error, run } = useAction();

  const load = async (): Promise<void> => {
    const listed = await run(callApi('GET /api/livestream/:streamId/recordings', { params: { streamId } }));
    if (listed) setRecordings(listed.recordings);
  };
  useEffect(() => void load(), [streamId]);

  const running = recordings?.find(({ state }) => state === 'recording');
  const start = async (): Promise<void> => {
    const call = callApi('POST /api/livestream/:streamId/recordings', {
      ...{ params: { streamId }, body: {}, csrfToken },
    });
    if (await run(call)) await load();
  };
  const stop = async (recordingId: string): Promise<void> => {
    const call = callApi('POST /api/recordings/:recordingId/stop', { params: { recordingId }, csrfToken });
    if (await run(call)) await load();
  };

  return (
    <section>
      <h3>{livestreamTexts.recordings}</h3>
      {running ? (
        <button key="stop" type="button" disabled={isBusy} onClick={() => void stop(running.id)}>
          {livestreamTexts.stopRecording}
        </button>
      ) : (
        isLive && (
          <button key="start" type="button" disabled={isBusy} onClick={() => void start()}>
            {livestreamTexts.recordNow}
          </button>
        )
      )}
      {recordings?.length === 0 && <p class="faint">{livestreamTexts.noRecordings}</p>}
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
