import { useState } from 'preact/hooks';
import type { Stream } from '../api/api-client.js';
import { ErrorText } from '../forms/error-text.js';
import { useFocusHere } from '../forms/focus.js';
import type { Action } from '../forms/use-action.js';
import { type Visibility, VisibilitySelect } from '../forms/visibility-select.js';
import { formsTexts } from '../texts/forms.js';
import { livestreamTexts } from '../texts/livestream.js';
import { LadderEditor } from './ladder-editor.js';

export type LivestreamFields = {
  title: string;
  description: string;
  tags: string[];
  visibility: Visibility;
  recordingEnabled: boolean;
  ladder: Stream['ladder'];
  clipsBy: Stream['clipsBy'];
  viewerLimit: number | null;
  /** Planned start, in UTC. */
  scheduledAt: string | null;
};

type LivestreamFormProps = {
  stream?: Stream;
  submitText: string;
  action: Pick<Action, 'isBusy' | 'error'>;
  onSubmit: (fields: LivestreamFields) => void;
  onCancel?: () => void;
};

/** Properties of a new or existing livestream. */
export function LivestreamForm({ stream, submitText, action, onSubmit, onCancel }: LivestreamFormProps) {
  const firstField = useFocusHere<HTMLInputElement>();
  const [ladder, setLadder] = useState(stream?.ladder ?? null);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    const scheduledAt = String(fields.get('scheduledAt'));
    const viewerLimit = String(fields.get('viewerLimit'));
    onSubmit({
      title: String(fields.get('title')),
      description: String(fields.get('description')),
      tags: tagsIn(String(fields.get('tags'))),
      visibility: String(fields.get('visibility')) as Visibility,
      recordingEnabled: fields.has('recordingEnabled'),
      ladder,
      clipsBy: fields.has('clipsByViewers') ? 'viewers' : 'moderators',
      viewerLimit: viewerLimit === '' ? null : Number(viewerLimit),
      scheduledAt: scheduledAt === '' ? null : new Date(scheduledAt).toISOString(),
    });
  };

  return (
    <form class="card" onSubmit={submit}>
      <label>
        {formsTexts.title}
        <input ref={firstField} name="title" required maxLength={200} defaultValue={stream?.title ?? ''} />
      </label>
      <label>
        {livestreamTexts.description}
        <textarea name="description" maxLength={5_000} rows={3} defaultValue={stream?.description ?? ''} />
      </label>
      <label>
        {livestreamTexts.tags}
        <input name="tags" maxLength={170} defaultValue={stream?.tags.join(', ') ?? ''} />
      </label>
      <VisibilitySelect value={stream?.visibility ?? 'public'} />
      <label>
        {livestreamTexts.plannedStart}
        <input name="scheduledAt" type="datetime-local" defaultValue={localTime(stream?.scheduledAt)} />
      </label>
      <label>
        {livestreamTexts.viewerLimit}
        <input
          name="viewerLimit"
          type="number"
          min={1}
          max={1_000_000}
          placeholder={livestreamTexts.noLimit}
          defaultValue={stream?.viewerLimit ?? ''}
        />
      </label>
      <label class="tick">
        <input name="recordingEnabled" type="checkbox" defaultChecked={stream?.recordingEnabled ?? false} />
        {livestreamTexts.recordEvery}
      </label>
      <LadderEditor ladder={ladder} onChange={setLadder} />
      <label class="tick">
        <input name="clipsByViewers" type="checkbox" defaultChecked={stream?.clipsBy === 'viewers'} />
        {livestreamTexts.viewersMayClip}
      </label>
      <ErrorText>{action.error}</ErrorText>
      <div class="actions">
        <button type="submit" class="primary" disabled={action.isBusy}>
          {submitText}
        </button>
        {onCancel && (
          <button type="button" onClick={onCancel}>
            {formsTexts.cancel}
          </button>
        )}
      </div>
    </form>
  );
}

/** Reads tags as people write them; the server checks their number and length. */
function tagsIn(text: string): string[] {
  const tags = text.split(/[,，、،]/).map((tag) => tag.replace(/\s+/g, ' ').trim());
  return [...new Set(tags)].filter((tag) => tag !== '');
}

/** Value of a `datetime-local` input, in the reader's time zone. */
function localTime(time: string | null | undefined): string {
  if (!time) return '';
  const date = new Date(time);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
