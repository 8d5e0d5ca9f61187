import { useState } from 'preact/hooks';
import type { Clip } from '../../api/contract.js';
import { callApi } from '../api/api-client.js';
import { ConfirmButton } from '../forms/confirm-button.js';
import { ErrorText } from '../forms/error-text.js';
import { durationText, sizeText, timeText } from '../forms/format.js';
import { useAction } from '../forms/use-action.js';
import type { Visibility } from '../forms/visibility-select.js';
import { dashboardTexts } from '../texts/dashboard.js';
import { formsTexts } from '../texts/forms.js';
import { EntryForm } from './entry-form.js';

type ClipEntryProps = { clip: Clip; csrfToken: string | null; onChange: () => void };

/** A clip of the user, with everything that can be done with it. */
export function ClipEntry({ clip, csrfToken, onChange }: ClipEntryProps) {
  const [editing, setEditing] = useState(false);
  const { isBusy, error, run } = useAction();
  const { id, title, visibility, playback } = clip;
  const params = { clipId: id };

  const save = async (body: { title: string; visibility: Visibility }): Promise<void> => {
    if (!(await run(callApi('PATCH /api/clips/:clipId', { params, body, csrfToken })))) return;
    setEditing(false);
    onChange();
  };
  const remove = async (): Promise<void> => {
    if (await run(callApi('DELETE /api/clips/:clipId', { params, csrfToken }))) onChange();
  };

  return (
    <li>
      {playback && <img class="thumbnail" src={new URL(playback.poster).pathname} alt="" loading="lazy" />}
      <span>
        <a href={`/clips/${encodeURIComponent(id)}`}>{title}</a>
        <br />
        <span class="faint">{factsOf(clip)}</span>
      </span>
      {playback && (
        <a class="button" href={new URL(playback.mp4).pathname} download>
          {formsTexts.download}
        </a>
      )}
      {!editing && (
        <button type="button" onClick={() => setEditing(true)}>
          {formsTexts.edit}
        </button>
      )}
      <ConfirmButton question={dashboardTexts.deleteClip} onConfirm={() => void remove()}>
        {formsTexts.delete}
      </ConfirmButton>
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

function factsOf({ state, createdAt, durationS, sizeBytes, visibility }: Clip): string {
  const made = timeText(createdAt);
  if (state === 'processing')
    return `${made} · ${dashboardTexts.beingCut} · ${formsTexts.visibility[visibility]}`;
  if (state === 'failed') return `${made} · ${dashboardTexts.failed}`;
  return `${made} · ${durationText(durationS)} · ${sizeText(sizeBytes)} · ${formsTexts.visibility[visibility]}`;
}
