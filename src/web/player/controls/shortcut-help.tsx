import { useLayoutEffect, useRef } from 'preact/hooks';
import { SHORTCUTS } from './shortcuts.js';

/** List of the keyboard shortcuts, over the player. */
export function ShortcutHelp({ onClose }: { onClose: () => void }) {
  const close = useRef<HTMLButtonElement>(null);
  // Before the next key, which would go to the page.
  useLayoutEffect(() => close.current?.focus(), []);
  return (
    <div
      class="shortcut-help"
      role="dialog"
      aria-label="Keyboard shortcuts"
      onKeyDown={(event) => event.key === 'Escape' && onClose()}
    >
      <header>
        <h2>Keyboard shortcuts</h2>
        <button type="button" ref={close} onClick={onClose}>
          Close
        </button>
      </header>
      <dl>
        {SHORTCUTS.map(([keys, description]) => (
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
