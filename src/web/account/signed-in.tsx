import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { onSignInEnd } from '../api/sign-in-end.js';
import { ErrorText } from '../forms/error-text.js';
import { accountTexts } from '../texts/account.js';
import { type CurrentUser, fetchCurrentUser } from './account.js';
import { onOtherTab } from './other-tabs.js';
import { SignInForm } from './sign-in-form.js';
import '../forms/forms.css';

/** Current user who is signed in. */
export type SignedInUser = CurrentUser & { user: NonNullable<CurrentUser['user']> };

type SignedInProps = {
  /** Shown above the form, such as the purpose of the page. */
  invitation: string;
  children: (user: SignedInUser) => ComponentChildren;
};

/**
 * Content for users who are signed in; a form to sign in for others. When the sign-in ends meanwhile, the content stays, with what
 * was entered, and the form is a dialog in front of it.
 */
export function SignedIn({ invitation, children }: SignedInProps) {
  const [currentUser, setCurrentUser] = useState<CurrentUser>();
  /** Answer of the server after the sign-in of `currentUser` has ended. */
  const [ended, setEnded] = useState<CurrentUser>();
  const [error, setError] = useState('');
  const known = useRef<CurrentUser>(undefined);
  /** The user has closed the dialog: requests of the page, which repeat, do not open it again. */
  const isDismissed = useRef(false);

  const accept = (now: CurrentUser): void => {
    const before = known.current?.user;
    setError('');
    if (before && !now.user) {
      if (!isDismissed.current) setEnded(now);
      return;
    }
    // The content belongs to another account.
    if (before && before.id !== now.user?.id) location.reload();
    known.current = now;
    isDismissed.current = false;
    setEnded(undefined);
    setCurrentUser(now);
  };
  const load = (): void => {
    fetchCurrentUser().then(accept, ({ message }: Error) => setError(message));
  };
  useEffect(() => {
    load();
    const onEnd = (isChange: boolean): void => {
      if (isChange) isDismissed.current = false;
      load();
    };
    const ends = [onSignInEnd(onEnd), onOtherTab(load)];
    return () => {
      for (const end of ends) end();
    };
  }, []);

  if (!currentUser)
    return (
      <>
        <ErrorText>{error}</ErrorText>
        {error !== '' && (
          <button type="button" class="primary" onClick={load}>
            {accountTexts.tryAgain}
          </button>
        )}
      </>
    );
  const { user } = currentUser;
  const dismiss = (): void => {
    isDismissed.current = true;
    setEnded(undefined);
  };
  if (user)
    return (
      <>
        {children({ ...currentUser, user })}
        {ended && <SignInAgain currentUser={ended} onDone={load} onClose={dismiss} />}
      </>
    );
  return (
    <div class="card">
      <p>{invitation}</p>
      <SignInForm currentUser={currentUser} onDone={load} onCancel={() => location.assign('/')} />
    </div>
  );
}

type SignInAgainProps = { currentUser: CurrentUser; onDone: () => void; onClose: () => void };

function SignInAgain({ currentUser, onDone, onClose }: SignInAgainProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="card" aria-label={accountTexts.signInAgain} onClose={onClose}>
      <p>{accountTexts.signInEnded}</p>
      <SignInForm currentUser={currentUser} onDone={onDone} onCancel={() => dialog.current?.close()} />
    </dialog>
  );
}
