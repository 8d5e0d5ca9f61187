import { useEffect, useState } from 'preact/hooks';
import type { SessionView } from '../../api/contract.js';
import { callApi } from '../api/api-client.js';
import { ErrorText } from '../forms/error-text.js';
import { timeText } from '../forms/format.js';
import { useAction } from '../forms/use-action.js';
import { settingsTexts } from '../texts/settings.js';

/** Browsers in which the user is signed in. */
export function SessionSection({ csrfToken }: { csrfToken: string | null }) {
  const [sessions, setSessions] = useState<SessionView[]>([]);
  const { isBusy, error, run } = useAction();

  const load = async (): Promise<void> => {
    const listed = await run(callApi('GET /api/auth/sessions', {}));
    if (listed) setSessions(listed.sessions);
  };
  useEffect(() => void load(), []);
  const endOne = async (id: string): Promise<void> => {
    if (await run(callApi('DELETE /api/auth/sessions/:id', { params: { id }, csrfToken }))) await load();
  };
  const endOthers = async (): Promise<void> => {
    if (await run(callApi('DELETE /api/auth/sessions', { csrfToken }))) await load();
  };

  return (
    <section class="card" aria-labelledby="sessions">
      <h2 id="sessions">{settingsTexts.browsers}</h2>
      <ul class="entries">
        {sessions.map(({ id, userAgent, network, lastSeenAt, current }) => (
          <li key={id}>
            <span>
              <span class="clipped" title={userAgent}>
                {userAgent || settingsTexts.unknownBrowser}
              </span>
              <span class="faint">
                {network} · {current ? settingsTexts.thisBrowser : timeText(lastSeenAt)}
              </span>
            </span>
            {!current && (
              <button type="button" disabled={isBusy} onClick={() => void endOne(id)}>
                {settingsTexts.signOut}
              </button>
            )}
          </li>
        ))}
      </ul>
      <ErrorText>{error}</ErrorText>
      {sessions.length > 1 && (
        <button type="button" disabled={isBusy} onClick={() => void endOthers()}>
          {settingsTexts.signOutOthers}
        </button>
      )}
    </section>
  );
}
