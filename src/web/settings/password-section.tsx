import { useState } from 'preact/hooks';
import { callApi } from '../api/api-client.js';
import { ErrorText } from '../forms/error-text.js';
import { useAction } from '../forms/use-action.js';
import { settingsTexts } from '../texts/settings.js';

type PasswordSectionProps = { csrfToken: string | null; name: string };

/** Changes the password, which ends all other sessions. */
export function PasswordSection({ csrfToken, name }: PasswordSectionProps) {
  const [isDone, setIsDone] = useState(false);
  const { isBusy, error, run } = useAction();

  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const fields = new FormData(form);
    const body = { current: String(fields.get('current')), password: String(fields.get('password')) };
    setIsDone(false);
    if (!(await run(callApi('POST /api/auth/password', { body, csrfToken })))) return;
    form.reset();
    setIsDone(true);
  };

  return (
    <form class="card" aria-labelledby="password" onSubmit={(event) => void submit(event)}>
      <h2 id="password">{settingsTexts.password}</h2>
      <input type="hidden" name="username" autocomplete="username" value={name} />
      <label>
        {settingsTexts.currentPassword}
        <input name="current" type="password" autocomplete="current-password" required />
      </label>
      <label>
        {settingsTexts.newPassword}
        <input name="password" type="password" autocomplete="new-password" required minLength={8} />
      </label>
      <p class="faint">{settingsTexts.passwordNote}</p>
      <p role="status">{isDone ? settingsTexts.passwordChanged : ''}</p>
      <ErrorText>{error}</ErrorText>
      <button type="submit" class="primary" disabled={isBusy}>
        {settingsTexts.changePassword}
      </button>
    </form>
  );
}
