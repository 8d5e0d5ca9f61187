import { useState } from 'preact/hooks';
import { type Me, register, signIn } from './account.js';

type SignInFormProps = { me: Me; onDone: () => void; onCancel: () => void };

/** Signs in, or makes an account where that is open to somebody. */
export function SignInForm({ me, onDone, onCancel }: SignInFormProps) {
  const [joining, setJoining] = useState(false);
  const [trouble, setTrouble] = useState('');
  const [busy, setBusy] = useState(false);

  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    const [name, password] = [String(fields.get('name')), String(fields.get('password'))];
    setBusy(true);
    try {
      if (joining) await register(name, password, String(fields.get('invitation') ?? ''));
      else await signIn(name, password);
      onDone();
    } catch (error) {
      setTrouble((error as Error).message);
      setBusy(false);
    }
  };

  return (
    <form class="sign-in" onSubmit={(event) => void submit(event)}>
      <label>
        Name
        <input name="name" autocomplete="username" required maxLength={32} />
      </label>
      <label>
        Password
        <input
          name="password"
          type="password"
          autocomplete={joining ? 'new-password' : 'current-password'}
          required
          minLength={joining ? 8 : 1}
        />
      </label>
      {joining && me.registration === 'invitation' && (
        <label>
          Invitation
          <input name="invitation" autocomplete="off" required />
        </label>
      )}
      <p class="trouble" role="alert">
        {trouble}
      </p>
      <div class="actions">
        <button type="submit" class="primary" disabled={busy}>
          {joining ? 'Make the account' : 'Sign in'}
        </button>
        <button type="button" onClick={onCancel}>
          Cancel
        </button>
        {me.registration !== 'closed' && (
          <button type="button" onClick={() => setJoining(!joining)}>
            {joining ? 'I have an account' : 'New here'}
          </button>
        )}
      </div>
    </form>
  );
}
