import { useEffect } from 'preact/hooks';
import { SignedIn } from '../account/signed-in.js';
import { AccountList } from '../admin/account-list.js';
import { AuditSection } from '../admin/audit-section.js';
import { InvitationSection } from '../admin/invitation-section.js';
import { NodeSection } from '../admin/node-section.js';
import { NodeSettings } from '../admin/node-settings.js';
import { SessionList } from '../admin/session-list.js';
import { WebhookSection } from '../admin/webhook-section.js';

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
              <NodeSection />
              <InvitationSection csrfToken={csrfToken} />
              <AccountList csrfToken={csrfToken} ownId={user.id} />
              <WebhookSection csrfToken={csrfToken} />
              <AuditSection />
              <NodeSettings />
            </div>
          ) : (
            <p>Only administrators see this page: ask one of them for the role.</p>
          )
        }
      </SignedIn>
    </main>
  );
}
