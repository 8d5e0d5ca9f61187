import { useEffect } from 'preact/hooks';
import { SignedIn } from '../account/signed-in.js';
import { AccountList } from '../admin/account-list.js';
import { AuditSection } from '../admin/audit-section.js';
import { InvitationSection } from '../admin/invitation-section.js';
import { NodeSection } from '../admin/node-section.js';
import { NodeSettings } from '../admin/node-settings.js';
import { SessionList } from '../admin/session-list.js';
import { WebhookSection } from '../admin/webhook-section.js';
import { adminTexts } from '../texts/admin.js';

/** Page for administrators. */
export function AdminPage() {
  useEffect(() => {
    document.title = `${adminTexts.administration} · Headend`;
  }, []);
  return (
    <main class="admin">
      <h1>{adminTexts.administration}</h1>
      <SignedIn invitation={adminTexts.signInAsAdmin}>
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
            <p>{adminTexts.adminsOnly}</p>
          )
        }
      </SignedIn>
    </main>
  );
}
