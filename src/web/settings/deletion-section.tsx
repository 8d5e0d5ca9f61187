import { callApi } from '../api/api-client.js';
import { ErrorText } from '../forms/error-text.js';
import { useAction } from '../forms/use-action.js';

type DeletionSectionProps = { csrfToken: string | null; name: string };

/** Deletes the account, confirmed by its password. */
export function DeletionSection({ csrfToken, name }: DeletionSectionProps) {
  const { isBusy, error, run } = useAction();

  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    const body = { password: String(fields.get('password')), purgeMessages: fields.has('purge') };
    if (await run(callApi('DELETE /api/auth/me', { body, csrfToken }))) location.assign('/');
  };

  return (
    <form class="card" aria-labelledby="deletion" onSubmit={(event) => void submit(event)}>
      <h2 id="deletion">Delete the account</h2>
      <p class="faint">Your livestreams, their recordings and keys are deleted with it, for ever.</p>
      <input type="hidden" name="username" autocomplete="username" value={name} />
      <label>
        Password
        <input name="password" type="password" autocomplete="current-password" required />
      </label>
      <label class="tick">
        <input type="checkbox" name="purge" />
        Also delete my messages in other chats
      </label>
      <ErrorText>{error}</ErrorText>
      <button type="submit" class="danger" disabled={isBusy}>
        Delete my account
      </button>
    </form>
  );
}
