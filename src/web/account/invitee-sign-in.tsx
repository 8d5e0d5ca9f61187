import { useEffect, useState } from 'preact/hooks';
import { useFocusBack } from '../forms/focus.js';
import { accountTexts } from '../texts/account.js';
import { type CurrentUser, fetchCurrentUser } from './account.js';
import { SignInForm } from './sign-in-form.js';
import './sign-in.css';

/** Offers sign-in where the API answers 404: a private stream looks unknown to everyone but its invitees. */
export function InviteeSignIn() {
  const [currentUser, setCurrentUser] = useState<CurrentUser>();
  const [signingIn, setSigningIn] = useState(false);
  const opener = useFocusBack<HTMLButtonElement>(signingIn);
  useEffect(() => {
    // Sign-in cannot be offered without an answer.
    fetchCurrentUser().then(setCurrentUser, () => {});
  }, []);
  if (!currentUser) return null;
  if (currentUser.user)
    return <aside class="invited">{accountTexts.signedInAs(currentUser.user.name)}</aside>;
  return (
    <aside class="invited">
      <p>{accountTexts.invited}</p>
      {signingIn ? (
        <SignInForm
          currentUser={currentUser}
          onDone={() => location.reload()}
          onCancel={() => setSigningIn(false)}
        />
      ) : (
        <button type="button" ref={opener} onClick={() => setSigningIn(true)}>
          {accountTexts.signIn}
        </button>
      )}
    </aside>
  );
}
