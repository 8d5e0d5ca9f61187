import { useState } from 'preact/hooks';

type PollFormProps = {
  /** Resolves when the poll is open. @throws Error with a message for the user */
  create: (question: string, options: string[], seconds: number) => Promise<void>;
  onDone: () => void;
};

const MAXIMUM_OPTIONS = 10;
const DURATIONS = [
  [60, '1 minute'],
  [120, '2 minutes'],
  [300, '5 minutes'],
  [900, '15 minutes'],
  [3_600, '1 hour'],
] as const;

/** Form with which moderators open a poll. */
export function PollForm({ create, onDone }: PollFormProps) {
  const [optionCount, setOptionCount] = useState(2);
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState('');

  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    const options = fields.getAll('option').map(String).filter(Boolean);
    setBusy(true);
    try {
      await create(String(fields.get('question')), options, Number(fields.get('seconds')));
      onDone();
    } catch (error) {
      setError((error as Error).message);
    }
    setBusy(false);
  };
  return (
    <form class="poll poll-form" aria-label="New poll" onSubmit={(event) => void submit(event)}>
      <label>
        Question
        <input name="question" required maxLength={300} autocomplete="off" />
      </label>
      {Array.from({ length: optionCount }, (_, index) => (
        <label key={index}>
          Answer {index + 1}
          <input name="option" required={index < 2} maxLength={200} autocomplete="off" />
        </label>
      ))}
      {optionCount < MAXIMUM_OPTIONS && (
        <button type="button" onClick={() => setOptionCount(optionCount + 1)}>
          Another answer
        </button>
      )}
      <label>
        Open for
        <select name="seconds">
          {DURATIONS.map(([seconds, text]) => (
            <option key={seconds} value={seconds}>
              {text}
            </option>
          ))}
        </select>
      </label>
      <p class="error" role="alert">
        {error}
      </p>
      <div class="actions">
        <button type="submit" class="primary" disabled={isBusy}>
          Start the poll
        </button>
        <button type="button" onClick={onDone}>
          Cancel
        </button>
      </div>
    </form>
  );
}
