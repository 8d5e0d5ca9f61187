import { callApi } from '../api/api-client.js';
import { ErrorText } from '../forms/error-text.js';
import { useAction } from '../forms/use-action.js';
import { settingsTexts } from '../texts/settings.js';

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
      <h2 id="deletion">{settingsTexts.deleteTheAccount}</h2>
      <p class="faint">{settingsTexts.deletionNote}</p>
      <input type="hidden" name="username" autocomplete="username" value={name} />
      <label>
        {settingsTexts.password}
        <input name="password" type="password" autocomplete="current-password" required />
      </label>
      <label class="tick">
        <input type="checkbox" name="purge" />
        {settingsTexts.purgeMessages}
      </label>
      <ErrorText>{error}</ErrorText>
      <button type="submit" class="danger" disabled={isBusy}>
        {settingsTexts.deleteMyAccount}
      </button>
    </form>
  );
}
