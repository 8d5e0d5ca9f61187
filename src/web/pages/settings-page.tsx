import { useEffect } from 'preact/hooks';
import { signOut } from '../account/account.js';
import { SignedIn } from '../account/signed-in.js';
import { AccessTokenSection } from '../settings/access-token-section.js';
import { DeletionSection } from '../settings/deletion-section.js';
import { ExportSection } from '../settings/export-section.js';
import { PasswordSection } from '../settings/password-section.js';
import { SessionSection } from '../settings/session-section.js';
import { settingsTexts } from '../texts/settings.js';

/** Page for the own account. */
export function SettingsPage() {
  useEffect(() => {
    document.title = `${settingsTexts.account} · Headend`;
  }, []);
  return (
    <main class="settings">
      <h1>{settingsTexts.yourAccount}</h1>
      <SignedIn invitation={settingsTexts.signInToChange}>
        {(currentUser) => {
          const { csrfToken, user } = currentUser;
          return (
            <>
              <div class="about">
                <strong>{user.name}</strong>
                <span class="faint">{settingsTexts.roles[user.role]}</span>
                {user.role === 'admin' && (
                  <a class="button" href="/admin">
                    {settingsTexts.administration}
                  </a>
                )}
                <button
                  type="button"
                  onClick={() => {
                    signOut(currentUser).then(
                      () => location.assign('/'),
                      () => location.reload(),
                    );
                  }}
                >
                  {settingsTexts.signOut}
                </button>
              </div>
              <div class="choices">
                <SessionSection csrfToken={csrfToken} />
                <PasswordSection csrfToken={csrfToken} name={user.name} />
                <AccessTokenSection csrfToken={csrfToken} />
                <ExportSection />
                <DeletionSection csrfToken={csrfToken} name={user.name} />
              </div>
            </>
          );
        }}
      </SignedIn>
    </main>
  );
}
