import { useState } from 'preact/hooks';
import { refocus, useFocusHere } from '../forms/focus.js';
import { chatTexts } from '../texts/chat.js';
import '../forms/forms.css';

type PollFormProps = {
  /** Resolves when the poll is open. @throws Error with a message for the user */
  create: (question: string, options: string[], seconds: number) => Promise<void>;
  onDone: () => void;
};

const MAXIMUM_OPTIONS = 10;
const DURATIONS_MINUTES = [1, 2, 5, 15, 60];

/** Form with which moderators open a poll. */
export function PollForm({ create, onDone }: PollFormProps) {
  const [optionCount, setOptionCount] = useState(2);
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState('');
  const firstField = useFocusHere<HTMLInputElement>();

  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    const options = fields.getAll('option').map(String).filter(Boolean);
    const focused = document.activeElement;
    setBusy(true);
    try {
      await create(String(fields.get('question')), options, Number(fields.get('seconds')));
      onDone();
    } catch (error) {
      setError((error as Error).message);
    }
    setBusy(false);
    refocus(focused);
  };
  return (
    <form class="poll poll-form" aria-label={chatTexts.newPoll} onSubmit={(event) => void submit(event)}>
      <label>
        {chatTexts.question}
        <input ref={firstField} name="question" required maxLength={300} autocomplete="off" />
      </label>
      {Array.from({ length: optionCount }, (_, index) => (
        <label key={index}>
          {chatTexts.answer(index + 1)}
          <input name="option" required={index < 2} maxLength={200} autocomplete="off" />
        </label>
      ))}
      {optionCount < MAXIMUM_OPTIONS && (
        <button type="button" onClick={() => setOptionCount(optionCount + 1)}>
          {chatTexts.anotherAnswer}
        </button>
      )}
      <label>
        {chatTexts.openFor}
        <select name="seconds">
          {DURATIONS_MINUTES.map((minutes) => (
            <option key={minutes} value={minutes * 60}>
              {chatTexts.minutes(minutes)}
            </option>
          ))}
        </select>
      </label>
      <p class="error" role="alert">
        {error}
      </p>
      <div class="actions">
        <button type="submit" class="primary" disabled={isBusy}>
          {chatTexts.startPoll}
        </button>
        <button type="button" onClick={onDone}>
          {chatTexts.cancel}
        </button>
      </div>
    </form>
  );
}
