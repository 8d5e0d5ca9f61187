import { useEffect, useState } from 'preact/hooks';
import type { AccountRequest, AccountView } from '../../api/contract.js';
import { callApi } from '../api/api-client.js';
import { ConfirmButton } from '../forms/confirm-button.js';
import { ErrorText } from '../forms/error-text.js';
import { timeText } from '../forms/format.js';
import { useAction } from '../forms/use-action.js';
import { adminTexts } from '../texts/admin.js';
import { formsTexts } from '../texts/forms.js';

type AccountListProps = { csrfToken: string | null; ownId: string };

const PAGE_LENGTH = 50;
const ROLES = ['viewer', 'broadcaster', 'admin'] as const;

/** Accounts, newest first, with their roles. */
export function AccountList({ csrfToken, ownId }: AccountListProps) {
  const [accounts, setAccounts] = useState<AccountView[]>([]);
  const [hasMore, setHasMore] = useState(false);
  const { isBusy, error, run } = useAction();

  const loadMore = async (): Promise<void> => {
    const before = accounts.at(-1)?.id;
    const query = { limit: String(PAGE_LENGTH), ...(before === undefined ? {} : { before }) };
    const listed = await run(callApi('GET /api/auth/accounts', { query }));
    if (!listed) return;
    setAccounts([...accounts, ...listed.accounts]);
    setHasMore(listed.accounts.length === PAGE_LENGTH);
  };
  useEffect(() => void loadMore(), []);

  const change = async (id: string, body: AccountRequest): Promise<void> => {
    const changed = await run(callApi('PATCH /api/auth/accounts/:id', { params: { id }, body, csrfToken }));
    if (changed) setAccounts(accounts.map((account) => (account.id === id ? changed.account : account)));
  };
  const remove = async (id: string): Promise<void> => {
    const call = callApi('DELETE /api/auth/accounts/:id', { params: { id }, body: {}, csrfToken });
    if (await run(call)) setAccounts(accounts.filter((account) => account.id !== id));
  };

  return (
    <section class="card" aria-labelledby="accounts">
      <h2 id="accounts">{adminTexts.accounts}</h2>
      <ErrorText>{error}</ErrorText>
      <ul class="entries">
        {accounts.map(({ id, name, role, createdAt, disabledAt }) => (
          <li key={id}>
            <span>
              <strong>{name}</strong>{' '}
              <span class="faint">
                · {adminTexts.since(timeText(createdAt))}
                {disabledAt && ` · ${adminTexts.disabled}`}
              </span>
            </span>
            {id === ownId ? (
              <span class="faint">{adminTexts.you(adminTexts.roles[role])}</span>
            ) : (
              <>
                <select
                  aria-label={adminTexts.roleOf(name)}
                  disabled={isBusy}
                  onChange={(event) =>
                    void change(id, { role: event.currentTarget.value as AccountView['role'] })
                  }
                >
                  {ROLES.map((each) => (
                    <option key={each} value={each} selected={each === role}>
                      {adminTexts.roles[each]}
                    </option>
                  ))}
                </select>
                <button
                  type="button"
                  disabled={isBusy}
                  onClick={() => void change(id, { disabled: disabledAt === null })}
                >
                  {disabledAt === null ? adminTexts.disable : adminTexts.enable}
                </button>
                <ConfirmButton question={adminTexts.deleteAccount(name)} onConfirm={() => void remove(id)}>
                  {formsTexts.delete}
                </ConfirmButton>
              </>
            )}
          </li>
        ))}
      </ul>
      {hasMore && (
        <button type="button" disabled={isBusy} onClick={() => void loadMore()}>
          {formsTexts.showMore}
        </button>
      )}
    </section>
  );
}
