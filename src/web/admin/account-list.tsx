import { useEffect, useState } from 'preact/hooks';
import type { AccountRequest, AccountView } from '../../api/contract.js';
import { callApi } from '../api/api-client.js';
import { ConfirmButton } from '../forms/confirm-button.js';
import { ErrorText } from '../forms/error-text.js';
import { timeText } from '../forms/format.js';
import { useAction } from '../forms/use-action.js';

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
      <h2 id="accounts">Accounts</h2>
      <ErrorText>{error}</ErrorText>
      <ul class="entries">
        {accounts.map(({ id, name, role, createdAt, disabledAt }) => (
          <li key={id}>
            <span>
              <strong>{name}</strong>{' '}
              <span class="faint">
                · since {timeText(createdAt)}
                {disabledAt && ' · disabled'}
              </span>
            </span>
            {id === ownId ? (
              <span class="faint">{role} (you)</span>
            ) : (
              <>
                <select
                  aria-label={`Role of ${name}`}
                  disabled={isBusy}
                  onChange={(event) =>
                    void change(id, { role: event.currentTarget.value as AccountView['role'] })
                  }
                >
                  {ROLES.map((each) => (
                    <option key={each} value={each} selected={each === role}>
                      {each}
                    </option>
                  ))}
                </select>
                <button
                  type="button"
                  disabled={isBusy}
                  onClick={() => void change(id, { disabled: disabledAt === null })}
                >
                  {disabledAt === null ? 'Disable' : 'Enable'}
                </button>
                <ConfirmButton
                  question={`Delete ${name} with all livestreams and recordings?`}
                  onConfirm={() => void remove(id)}
                >
                  Delete
                </ConfirmButton>
              </>
            )}
          </li>
        ))}
      </ul>
      {hasMore && (
        <button type="button" disabled={isBusy} onClick={() => void loadMore()}>
          Show more
        </button>
      )}
    </section>
  );
}
