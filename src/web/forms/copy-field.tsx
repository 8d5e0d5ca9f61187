import { useId, useRef, useState } from 'preact/hooks';
import { formsTexts } from '../texts/forms.js';
import './forms.css';

type CopyFieldProps = {
  label: string;
  value: string;
  /** Shown as dots until the button "Show" is pressed. */
  isSecret?: boolean;
};

/** Time for which the button confirms a copy, ms. */
const CONFIRMED_MS = 2_000;

/** Read-only value with a button that copies it. */
export function CopyField({ label, value, isSecret = false }: CopyFieldProps) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [shown, setShown] = useState(!isSecret);
  const [copied, setCopied] = useState(false);

  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(value);
      setCopied(true);
      setTimeout(() => setCopied(false), CONFIRMED_MS);
    } catch {
      // Without HTTPS or permission the clipboard is closed to pages: the user copies the selection.
      setShown(true);
      input.current?.select();
    }
  };

  const field = {
    id,
    ref: input,
    readOnly: true,
    value,
    autocomplete: 'off',
    spellcheck: false,
    onFocus: (event: { currentTarget: HTMLInputElement }): void => event.currentTarget.select(),
  };
  return (
    <div class="copy-field">
      <label for={id}>{label}</label>
      {shown ? <input {...field} type="text" /> : <input {...field} type="password" />}
      {isSecret && (
        <button
          type="button"
          aria-label={`${shown ? formsTexts.hide : formsTexts.show}: ${label}`}
          onClick={() => setShown(!shown)}
        >
          {shown ? formsTexts.hide : formsTexts.show}
        </button>
      )}
      <button type="button" aria-label={`${formsTexts.copy}: ${label}`} onClick={() => void copy()}>
        {copied ? formsTexts.copied : formsTexts.copy}
      </button>
    </div>
  );
}
