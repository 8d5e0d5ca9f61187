import { useEffect, useRef } from 'preact/hooks';
import { chatTexts } from '../texts/chat.js';
import { EMOJI } from './emoji.js';

type EmojiPickerProps = { onPick: (emoji: string) => void; onClose: () => void };

/** Emoji by group; loaded when it is opened. */
export function EmojiPicker({ onPick, onClose }: EmojiPickerProps) {
  const picker = useRef<HTMLDivElement>(null);

  useEffect(() => {
    picker.current?.querySelector('button')?.focus();
    const closeOutside = ({ target }: Event): void => {
      const isInside = target instanceof Element && target.closest('.emoji-picker, .open-emoji');
      if (!isInside) onClose();
    };
    document.addEventListener('pointerdown', closeOutside);
    return () => document.removeEventListener('pointerdown', closeOutside);
  }, []);

  return (
    <div
      ref={picker}
      class="emoji-picker"
      role="dialog"
      aria-label={chatTexts.emoji}
      onKeyDown={(event) => {
        const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
        if (step === 0) return;
        const buttons = [...event.currentTarget.querySelectorAll('button')];
        buttons[buttons.indexOf(document.activeElement as HTMLButtonElement) + step]?.focus();
      }}
    >
      {EMOJI.map(([group, emoji]) => (
        <section key={group} aria-label={chatTexts[group]}>
          <h3>{chatTexts[group]}</h3>
          {emoji.split(' ').map((one) => (
            <button key={one} type="button" onClick={() => onPick(one)}>
              {one}
            </button>
          ))}
        </section>
      ))}
    </div>
  );
}
