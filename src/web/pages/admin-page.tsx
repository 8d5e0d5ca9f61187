import { useEffect } from 'preact/hooks';
import { SignedIn } from '../account/signed-in.js';
import { AccountList } from '../admin/account-list.js';
import { InvitationSection } from '../admin/invitation-section.js';
import { SessionList } from '../admin/session-list.js';

/** Page for administrators. */
export function AdminPage() {
  useEffect(() => {
    document.title = 'Administration · Headend';
  }, []);
  return (
    <main class="admin">
      <h1>Administration</h1>
      <SignedIn invitation="Sign in as an administrator.">
        {({ csrfToken, user }) =>
          user.role === 'admin' ? (
            <div class="sections">
              <SessionList csrfToken={csrfToken} />
              <InvitationSection csrfToken={csrfToken} />
              <AccountList csrfToken={csrfToken} ownId={user.id} />
            </div>
          ) : (
            <p>Only administrators see this page: ask one of them for the role.</p>
          )
        }
      </SignedIn>
    </main>
  );
}
