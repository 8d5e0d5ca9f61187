import { type Visibility, VisibilitySelect } from '../forms/visibility-select.js';
import { formsTexts } from '../texts/forms.js';

type EntryFormProps = {
  title: string;
  visibility: Visibility;
  isBusy: boolean;
  onSave: (changes: { title: string; visibility: Visibility }) => void;
  onCancel: () => void;
};

/** Form for the title and the visibility of a recording or clip. */
export function EntryForm({ title, visibility, isBusy, onSave, onCancel }: EntryFormProps) {
  const save = (event: SubmitEvent): void => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    onSave({ title: String(fields.get('title')), visibility: fields.get('visibility') as Visibility });
  };
  return (
    <form class="card" onSubmit={save}>
      <label>
        {formsTexts.title}
        <input name="title" required maxLength={200} defaultValue={title} />
      </label>
      <VisibilitySelect value={visibility} />
      <div class="actions">
        <button type="submit" class="primary" disabled={isBusy}>
          {formsTexts.save}
        </button>
        <button type="button" onClick={onCancel}>
          {formsTexts.cancel}
        </button>
      </div>
    </form>
  );
}
