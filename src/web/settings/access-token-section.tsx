import { useEffect, useState } from 'preact/hooks';
import type { AccessTokenView } from '../../api/contract.js';
import { callApi } from '../api/api-client.js';
import { ConfirmButton } from '../forms/confirm-button.js';
import { CopyField } from '../forms/copy-field.js';
import { ErrorText } from '../forms/error-text.js';
import { timeText } from '../forms/format.js';
import { useAction } from '../forms/use-action.js';
import { formsTexts } from '../texts/forms.js';
import { settingsTexts } from '../texts/settings.js';

/** Tokens of programs that act as the user. */
export function AccessTokenSection({ csrfToken }: { csrfToken: string | null }) {
  const [tokens, setTokens] = useState<AccessTokenView[]>([]);
  const [secret, setSecret] = useState<string>();
  const { isBusy, error, run } = useAction();

  const load = async (): Promise<void> => {
    const listed = await run(callApi('GET /api/auth/tokens', {}));
    if (listed) setTokens(listed.tokens);
  };
  useEffect(() => void load(), []);
  const create = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const body = { label: String(new FormData(form).get('label')) };
    const created = await run(callApi('POST /api/auth/tokens', { body, csrfToken }));
    if (!created) return;
    form.reset();
    setSecret(created.secret);
    await load();
  };
  const remove = async (id: string): Promise<void> => {
    if (await run(callApi('DELETE /api/auth/tokens/:id', { params: { id }, csrfToken }))) await load();
  };

  return (
    <section class="card" aria-labelledby="tokens">
      <h2 id="tokens">{settingsTexts.accessTokens}</h2>
      <p class="faint">{settingsTexts.tokensNote}</p>
      <ul class="entries">
        {tokens.map(({ id, label, lastUsedAt }) => (
          <li key={id}>
            <span>
              {label}
              <span class="faint">
                {' '}
                · {lastUsedAt ? settingsTexts.used(timeText(lastUsedAt)) : settingsTexts.neverUsed}
              </span>
            </span>
            <ConfirmButton question={settingsTexts.deleteQuestion(label)} onConfirm={() => void remove(id)}>
              {formsTexts.delete}
            </ConfirmButton>
          </li>
        ))}
      </ul>
      {secret && (
        <>
          <CopyField label={settingsTexts.newToken} value={secret} isSecret />
          <p class="faint">{formsTexts.shownOnlyNow}</p>
        </>
      )}
      <form class="row" onSubmit={(event) => void create(event)}>
        <label>
          {settingsTexts.purpose}
          <input name="label" required maxLength={100} />
        </label>
        <button type="submit" disabled={isBusy}>
          {settingsTexts.createToken}
        </button>
      </form>
      <ErrorText>{error}</ErrorText>
    </section>
  );
}
