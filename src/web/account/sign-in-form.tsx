import { useState } from 'preact/hooks';
import { refocus, useFocusHere } from '../forms/focus.js';
import { accountTexts } from '../texts/account.js';
import { type CurrentUser, register, signIn } from './account.js';
import '../forms/forms.css';
import './sign-in.css';

type SignInFormProps = { currentUser: CurrentUser; onDone: () => void; onCancel: () => void };

/** Signs in, or registers an account where registration is open or by invitation. */
export function SignInForm({ currentUser, onDone, onCancel }: SignInFormProps) {
  const [registering, setRegistering] = useState(false);
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const firstField = useFocusHere<HTMLInputElement>();

  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    const [name, password] = [String(fields.get('name')), String(fields.get('password'))];
    const focused = document.activeElement;
    setBusy(true);
    try {
      if (registering) await register(name, password, String(fields.get('invitation') ?? ''));
      else await signIn(name, password);
      onDone();
    } catch (error) {
      setError((error as Error).message);
      setBusy(false);
      refocus(focused);
    }
  };

  return (
    <form class="sign-in" onSubmit={(event) => void submit(event)}>
      <label>
        {accountTexts.name}
        <input ref={firstField} name="name" autocomplete="username" required maxLength={32} />
      </label>
      <label>
        {accountTexts.password}
        <input
          name="password"
          type="password"
          autocomplete={registering ? 'new-password' : 'current-password'}
          required
          minLength={registering ? 8 : 1}
        />
      </label>
      {registering && currentUser.registration === 'invitation' && (
        <label>
          {accountTexts.invitation}
          <input name="invitation" autocomplete="off" required />
        </label>
      )}
      <p class="error" role="alert">
        {error}
      </p>
      <div class="actions">
        <button type="submit" class="primary" disabled={busy}>
          {registering ? accountTexts.makeAccount : accountTexts.signIn}
        </button>
        <button type="button" onClick={onCancel}>
          {accountTexts.cancel}
        </button>
        {currentUser.registration !== 'closed' && (
          <button type="button" onClick={() => setRegistering(!registering)}>
            {registering ? accountTexts.haveAccount : accountTexts.newHere}
          </button>
        )}
      </div>
    </form>
  );
}
