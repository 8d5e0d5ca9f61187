import { useLayoutEffect, useRef } from 'preact/hooks';
import { playerTexts } from '../../texts/player.js';

/** List of the keyboard shortcuts, over the player. */
export function ShortcutHelp({ onClose }: { onClose: () => void }) {
  const close = useRef<HTMLButtonElement>(null);
  // Before the next key, which would go to the page.
  useLayoutEffect(() => close.current?.focus(), []);
  return (
    <div
      class="shortcut-help"
      role="dialog"
      aria-label={playerTexts.keyboardShortcuts}
      onKeyDown={(event) => event.key === 'Escape' && onClose()}
    >
      <header>
        <h2>{playerTexts.keyboardShortcuts}</h2>
        <button type="button" ref={close} onClick={onClose}>
          {playerTexts.close}
        </button>
      </header>
      <dl>
        {playerTexts.shortcuts.map(([keys, description]) => (
          <div key={keys}>
            <dt>
              {keys.split(/[ ,]+/).map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{description}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
