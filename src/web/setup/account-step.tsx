import { callApi } from '../api/api-client.js';
import { ErrorText } from '../forms/error-text.js';
import { useFocusHere } from '../forms/focus.js';
import { useAction } from '../forms/use-action.js';
import { setupTexts } from '../texts/setup.js';

type AccountStepProps = {
  /** Code of the invitation. */
  invitation: string;
  onDone: () => void;
};

/** Registers an account with an invitation, and signs in to it. */
export function AccountStep({ invitation, onDone }: AccountStepProps) {
  const { isBusy, error, run } = useAction();
  const firstField = useFocusHere<HTMLInputElement>();

  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    const [name, password] = [String(fields.get('name')), String(fields.get('password'))];
    if (await run(callApi('POST /api/auth/register', { body: { name, password, invitation } }))) onDone();
  };

  return (
    <form class="card" onSubmit={(event) => void submit(event)}>
      <label>
        {setupTexts.name}
        <input ref={firstField} name="name" autocomplete="username" required maxLength={32} />
      </label>
      <label>
        {setupTexts.password}
        <input name="password" type="password" autocomplete="new-password" required minLength={8} />
      </label>
      <ErrorText>{error}</ErrorText>
      <button type="submit" class="primary" disabled={isBusy}>
        {setupTexts.createAccount}
      </button>
    </form>
  );
}
