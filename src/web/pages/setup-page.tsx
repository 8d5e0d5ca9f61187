import { useEffect, useState } from 'preact/hooks';
import type { CreateResponse } from '../../api/contract.js';
import { type CurrentUser, fetchCurrentUser } from '../account/account.js';
import { AccountStep } from '../setup/account-step.js';
import { LivestreamStep } from '../setup/livestream-step.js';
import { PublishStep } from '../setup/publish-step.js';
import { setupTexts } from '../texts/setup.js';

/**
 * Page of an invitation, `/setup#CODE`: registers an account, creates a first livestream and shows how to publish. The code
 * is in the fragment, which browsers do not send to servers.
 */
export function SetupPage() {
  const [currentUser, setCurrentUser] = useState<CurrentUser>();
  const [created, setCreated] = useState<CreateResponse>();
  const [error, setError] = useState('');
  const [invitation] = useState(() => location.hash.slice(1));
  const load = (): void => {
    fetchCurrentUser().then(setCurrentUser, (error: Error) => setError(error.message));
  };
  useEffect(() => {
    document.title = `${setupTexts.setUp} · Headend`;
    load();
  }, []);

  return (
    <main class="setup">
      <h1>{setupTexts.welcome}</h1>
      {error && (
        <p class="error" role="alert">
          {error}
        </p>
      )}
      {currentUser && content(currentUser)}
    </main>
  );

  function content(user: CurrentUser) {
    if (created) return <PublishStep created={created} />;
    if (user.user)
      return (
        <>
          <p>{setupTexts.signedInAs(user.user.name)}</p>
          {user.user.role === 'viewer' ? (
            <a class="button primary" href="/">
              {setupTexts.seeLive}
            </a>
          ) : (
            <LivestreamStep currentUser={user} onDone={setCreated} />
          )}
        </>
      );
    if (invitation === '') return <p>{setupTexts.linkIncomplete}</p>;
    return (
      <>
        <p>{setupTexts.createYourAccount}</p>
        <AccountStep
          invitation={invitation}
          onDone={() => {
            // The invitation is used up.
            history.replaceState(null, '', location.pathname);
            load();
          }}
        />
      </>
    );
  }
}
