import { useEffect, useState } from 'preact/hooks';
import { type Me, whoAmI } from './account.js';
import { SignInForm } from './sign-in-form.js';

/** A private stream is as unknown as none to those who are not invited: who is must be able to say who they are. */
export function Invited() {
  const [me, setMe] = useState<Me>();
  const [signingIn, setSigningIn] = useState(false);
  useEffect(() => {
    // Without an answer there is nothing to offer.
    whoAmI().then(setMe, () => {});
  }, []);
  if (!me) return null;
  if (me.user) return <aside class="invited">You are signed in as {me.user.name}.</aside>;
  return (
    <aside class="invited">
      <p>Were you invited to a private stream? Sign in to watch it.</p>
      {signingIn ? (
        <SignInForm me={me} onDone={() => location.reload()} onCancel={() => setSigningIn(false)} />
      ) : (
        <button type="button" onClick={() => setSigningIn(true)}>
          Sign in
        </button>
      )}
    </aside>
  );
}
