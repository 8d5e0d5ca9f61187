import type { RefObject } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { useLoaded } from '../loading/use-loaded.js';
import { chatTexts } from '../texts/chat.js';
import { completed, completionsOf } from './message-text.js';

type ComposerProps = {
  input: RefObject<HTMLInputElement | null>;
  isConnected: boolean;
  /** Monotonic time from which slow mode lets the viewer write, ms. */
  maySendAtMs: number;
  names: () => readonly string[];
  /** Text that is typed, kept while the viewer signs in again. */
  draft: RefObject<string>;
  /** @throws Error with a message for the user */
  send: (message: string) => Promise<void>;
  onError: (message: string) => void;
};

const MAX_MESSAGE_LENGTH = 500;

const loadPicker = async () => (await import('./emoji-picker.js')).EmojiPicker;

/** Input for messages, with completion of mentions and an emoji picker. */
export function Composer({ input, isConnected, maySendAtMs, names, draft, send, onError }: ComposerProps) {
  const [text, setText] = useState(draft.current ?? '');
  const [beforeCaret, setBeforeCaret] = useState('');
  const [isPicking, setPicking] = useState(false);
  const EmojiPicker = useLoaded(isPicking, loadPicker);
  const waitS = useCountdown(maySendAtMs);
  const afterCaret = useRef<number>(undefined);

  useEffect(() => {
    draft.current = text;
  }, [text]);

  // A reply changes the input from outside.
  const read = (): void => {
    const field = input.current;
    if (!field) return;
    setText(field.value);
    setBeforeCaret(field.value.slice(0, field.selectionStart ?? field.value.length));
  };
  /** Puts text in the place of what is before the caret. */
  const replaceBeforeCaret = (replacement: string): void => {
    const after = text.slice(beforeCaret.length);
    afterCaret.current = replacement.length;
    setText(replacement + after);
    setBeforeCaret(replacement);
    input.current?.focus();
  };
  useEffect(() => {
    if (afterCaret.current === undefined) return;
    input.current?.setSelectionRange(afterCaret.current, afterCaret.current);
    afterCaret.current = undefined;
  }, [text]);

  const submit = async (): Promise<void> => {
    const message = text.trim();
    if (message === '' || waitS > 0) return;
    setText('');
    setBeforeCaret('');
    onError('');
    try {
      await send(message);
    } catch (error) {
      onError((error as Error).message);
      // Puts the text back for another attempt, unless the user has typed since.
      setText((now) => now || message);
    }
  };
  const completions = completionsOf(beforeCaret, names());
  return (
    <form
      class="composer"
      onKeyDown={({ key }) => {
        if (key !== 'Escape' || !isPicking) return;
        setPicking(false);
        input.current?.focus();
      }}
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      {completions.length > 0 && (
        <fieldset class="completions" aria-label={chatTexts.mention}>
          {completions.map((name) => (
            <button key={name} type="button" onClick={() => replaceBeforeCaret(completed(beforeCaret, name))}>
              @{name}
            </button>
          ))}
        </fieldset>
      )}
      <input
        ref={input}
        value={text}
        onInput={read}
        onSelect={read}
        onKeyDown={(event) => {
          const [first] = completions;
          if (event.key !== 'Tab' || event.shiftKey || first === undefined) return;
          event.preventDefault();
          replaceBeforeCaret(completed(beforeCaret, first));
        }}
        maxLength={MAX_MESSAGE_LENGTH}
        aria-label={chatTexts.message}
        placeholder={chatTexts.saySomething}
        autocomplete="off"
        enterKeyHint="send"
      />
      <button
        type="button"
        class="open-emoji"
        aria-label={chatTexts.emoji}
        aria-expanded={isPicking}
        onClick={() => setPicking(!isPicking)}
      >
        <span aria-hidden="true">☺</span>
      </button>
      <button type="submit" class="primary" disabled={!isConnected || waitS > 0}>
        {waitS > 0 ? `${waitS} s` : chatTexts.send}
      </button>
      {isPicking && EmojiPicker && (
        <EmojiPicker
          onPick={(emoji) => replaceBeforeCaret(beforeCaret + emoji)}
          onClose={() => setPicking(false)}
        />
      )}
    </form>
  );
}

/** Returns the seconds until a monotonic time, and renders again each second up to it. */
function useCountdown(untilMs: number): number {
  const [, setTick] = useState(0);
  const waitMs = untilMs - performance.now();
  useEffect(() => {
    if (waitMs <= 0) return undefined;
    const timer = setTimeout(() => setTick((count) => count + 1), ((waitMs - 1) % 1_000) + 1);
    return () => clearTimeout(timer);
  });
  return Math.max(0, Math.ceil(waitMs / 1_000));
}
