import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { formsTexts } from '../texts/forms.js';
import { useFocusBack } from './focus.js';
import './forms.css';

type ConfirmButtonProps = {
  children: ComponentChildren;
  /** Question that names the loss. */
  question: string;
  onConfirm: () => void;
};

/** Button that asks before it acts. */
export function ConfirmButton({ children, question, onConfirm }: ConfirmButtonProps) {
  const [asking, setAsking] = useState(false);
  const opener = useFocusBack<HTMLButtonElement>(asking);
  const cancel = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (asking) cancel.current?.focus();
  }, [asking]);
  if (!asking)
    return (
      <button type="button" ref={opener} onClick={() => setAsking(true)}>
        {children}
      </button>
    );
  return (
    <span
      class="confirm"
      role="alertdialog"
      aria-label={question}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        event.stopPropagation();
        setAsking(false);
      }}
    >
      <span>{question}</span>
      <button
        type="button"
        class="danger"
        onClick={() => {
          setAsking(false);
          onConfirm();
        }}
      >
        {children}
      </button>
      <button type="button" ref={cancel} onClick={() => setAsking(false)}>
        {formsTexts.cancel}
      </button>
    </span>
  );
}
