import { useState } from 'preact/hooks';
import type { Recording } from '../../api/contract.js';
import { callApi } from '../api/api-client.js';
import { ConfirmButton } from '../forms/confirm-button.js';
import { ErrorText } from '../forms/error-text.js';
import { durationText, sizeText, timeText } from '../forms/format.js';
import { useAction } from '../forms/use-action.js';
import type { Visibility } from '../forms/visibility-select.js';
import { formsTexts } from '../texts/forms.js';
import { livestreamTexts } from '../texts/livestream.js';
import { EntryForm } from './entry-form.js';

type RecordingEntryProps = { recording: Recording; csrfToken: string | null; onChange: () => void };

/** A recording of the user, with everything that can be done with it. */
export function RecordingEntry({ recording, csrfToken, onChange }: RecordingEntryProps) {
  const [editing, setEditing] = useState(false);
  const { isBusy, error, run } = useAction();
  const { id, title, visibility, state, startedAt, durationS, sizeBytes, playback } = recording;
  const params = { recordingId: id };

  const save = async (body: { title: string; visibility: Visibility }): Promise<void> => {
    if (!(await run(callApi('PATCH /api/recordings/:recordingId', { params, body, csrfToken })))) return;
    setEditing(false);
    onChange();
  };
  const remove = async (): Promise<void> => {
    if (await run(callApi('DELETE /api/recordings/:recordingId', { params, csrfToken }))) onChange();
  };

  return (
    <li>
      <span>
        <strong>{title}</strong>{' '}
        <span class="faint">
          {timeText(startedAt)} · {durationText(durationS)} · {sizeText(sizeBytes)} ·{' '}
          {formsTexts.visibility[visibility]}
          {state !== 'ready' &&
            ` · ${state === 'recording' ? livestreamTexts.recordingNow : livestreamTexts.failed}`}
        </span>
      </span>
      {playback && (
        <>
          <a class="button" href={`/recordings/${encodeURIComponent(id)}`}>
            {livestreamTexts.watch}
          </a>
          <a class="button" href={new URL(playback.mp4).pathname} download>
            {formsTexts.download}
          </a>
        </>
      )}
      {!editing && (
        <button type="button" onClick={() => setEditing(true)}>
          {formsTexts.edit}
        </button>
      )}
      {state !== 'recording' && (
        <ConfirmButton question={livestreamTexts.deleteRecording} onConfirm={() => void remove()}>
          {formsTexts.delete}
        </ConfirmButton>
      )}
      {editing && (
        <EntryForm
          {...{ title, visibility, isBusy }}
          onSave={(changes) => void save(changes)}
          onCancel={() => setEditing(false)}
        />
      )}
      <ErrorText>{error}</ErrorText>
    </li>
  );
}
