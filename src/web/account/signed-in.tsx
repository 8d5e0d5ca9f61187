import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { ErrorText } from '../forms/error-text.js';
import { type CurrentUser, fetchCurrentUser } from './account.js';
import { SignInForm } from './sign-in-form.js';
import '../forms/forms.css';

/** Current user who is signed in. */
export type SignedInUser = CurrentUser & { user: NonNullable<CurrentUser['user']> };

type SignedInProps = {
  /** Shown above the form, such as the purpose of the page. */
  invitation: string;
  children: (user: SignedInUser) => ComponentChildren;
};

/** Content for users who are signed in; a form to sign in for others. */
export function SignedIn({ invitation, children }: SignedInProps) {
  const [currentUser, setCurrentUser] = useState<CurrentUser>();
  const [error, setError] = useState('');
  const load = (): void => {
    fetchCurrentUser().then(setCurrentUser, (error: Error) => setError(error.message));
  };
  useEffect(load, []);

  if (!currentUser) return <ErrorText>{error}</ErrorText>;
  const { user } = currentUser;
  if (user) return <>{children({ ...currentUser, user })}</>;
  return (
    <div class="card">
      <p>{invitation}</p>
      <SignInForm currentUser={currentUser} onDone={load} onCancel={() => location.assign('/')} />
    </div>
  );
}
