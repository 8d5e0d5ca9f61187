import { useEffect, useRef, useState } from 'preact/hooks';
import type { ChatMessage } from '../../api/contract.js';
import { currentLocale } from '../locale/language.js';
import { chatTexts } from '../texts/chat.js';
import { mentions, piecesOf } from './message-text.js';

/** Actions of a viewer on messages. One object while nothing of it changes. */
export type MessageActions = {
  /** Name of the signed-in user, whose mentions are marked. */
  ownName: string | undefined;
  /** Returns the names that were seen in this chat. */
  knownNames: () => readonly string[];
  /** Undefined where the viewer cannot write. */
  reply: ((message: ChatMessage) => void) | undefined;
  /** Undefined for those who are no moderators. */
  moderate:
    | {
        remove(message: ChatMessage): void;
        /** @param seconds undefined: for good */
        ban(message: ChatMessage, seconds: number | undefined): void;
      }
    | undefined;
};

/** Durations of a time-out, minutes. */
const TIME_OUTS = [1, 10, 60];

/** One message, as text and never as markup, with a menu of what can be done with it. */
export function MessageRow({ message, actions }: { message: ChatMessage; actions: MessageActions }) {
  const { name, badge, createdAt } = message;
  const isForOwn = actions.ownName !== undefined && mentions(message.message, actions.ownName);
  return (
    <li class={isForOwn ? 'mentions-me' : undefined}>
      <time dateTime={createdAt}>
        {new Date(createdAt).toLocaleTimeString(currentLocale(), { hour: '2-digit', minute: '2-digit' })}
      </time>{' '}
      <strong class={badge} title={badge && chatTexts.badges[badge]}>
        {name}
      </strong>{' '}
      <bdi>
        {piecesOf(message.message, actions.knownNames()).map(({ text, isMention }, index) =>
          isMention ? (
            <span key={index} class="mention">
              {text}
            </span>
          ) : (
            text
          ),
        )}
      </bdi>
      {(actions.reply || actions.moderate) && <MessageMenu {...{ message, actions }} />}
    </li>
  );
}

function MessageMenu({ message, actions }: { message: ChatMessage; actions: MessageActions }) {
  const [isOpen, setOpen] = useState(false);
  const [asksBan, setAsksBan] = useState(false);
  const menu = useRef<HTMLSpanElement>(null);
  const { reply, moderate } = actions;

  useEffect(() => {
    if (!isOpen) return undefined;
    menu.current?.querySelector<HTMLElement>('[role=menuitem]')?.focus();
    menu.current?.querySelector('.menu')?.scrollIntoView({ block: 'nearest' });
    const closeOutside = ({ target }: Event): void => {
      if (!(target instanceof Node && menu.current?.contains(target))) setOpen(false);
    };
    document.addEventListener('pointerdown', closeOutside);
    return () => document.removeEventListener('pointerdown', closeOutside);
  }, [isOpen]);

  useEffect(() => {
    if (asksBan) menu.current?.querySelector<HTMLElement>('.danger')?.focus();
  }, [asksBan]);

  const close = (): void => {
    setOpen(false);
    setAsksBan(false);
  };
  const focusOpener = (): void => menu.current?.querySelector<HTMLElement>('.open-menu')?.focus();
  const item = (text: string, run: () => void, className?: string) => (
    <button
      key={text}
      type="button"
      role="menuitem"
      class={className}
      onClick={() => {
        close();
        focusOpener();
        run();
      }}
    >
      {text}
    </button>
  );
  return (
    <span ref={menu} class="message-menu">
      <button
        type="button"
        class="open-menu"
        aria-haspopup="menu"
        aria-expanded={isOpen}
        aria-label={chatTexts.actionsFor(message.name)}
        onClick={() => (isOpen ? close() : setOpen(true))}
      >
        ⋯
      </button>
      {isOpen && (
        <span
          class="menu"
          role="menu"
          tabIndex={-1}
          onKeyDown={(event) => {
            if (event.key === 'Escape' || event.key === 'Tab') {
              close();
              // From there Tab moves on.
              focusOpener();
            } else moveInMenu(event, menu.current);
          }}
        >
          {reply && item(chatTexts.reply, () => reply(message))}
          {moderate && (
            <>
              {item(chatTexts.delete, () => {
                // The row disappears.
                menu.current?.closest<HTMLElement>('.messages')?.focus();
                moderate.remove(message);
              })}
              {TIME_OUTS.map((minutes) =>
                item(chatTexts.timeOut(minutes), () => moderate.ban(message, minutes * 60)),
              )}
              {asksBan ? (
                item(chatTexts.banForGood(message.name), () => moderate.ban(message, undefined), 'danger')
              ) : (
                <button type="button" role="menuitem" onClick={() => setAsksBan(true)}>
                  {chatTexts.ban}
                </button>
              )}
            </>
          )}
        </span>
      )}
    </span>
  );
}

/** Keys of a menu (WAI-ARIA, menu button pattern). */
function moveInMenu(event: KeyboardEvent, menu: HTMLElement | null): void {
  const items = [...(menu?.querySelectorAll<HTMLElement>('[role=menuitem]') ?? [])];
  const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
  if (step === 0 || items.length === 0) return;
  event.preventDefault();
  const at = items.indexOf(document.activeElement as HTMLElement);
  items[(at + step + items.length) % items.length]?.focus();
}
