import { useEffect, useRef, useState } from 'preact/hooks';
import { deleteMessage, type Me, signOut, silence, whoAmI } from '../account/account.js';
import { SignInForm } from '../account/sign-in-form.js';
import type { ChatMessage } from './chat-log.js';
import type { ChatMode, StreamSocket } from './stream-socket.js';

type ChatPanelProps = { streamId: string; socket: StreamSocket };

const LENGTH = 500;
/** Seconds that somebody is silenced for at the press of a button. */
const SILENCE_S = 600;
/** Who has scrolled up further than this reads what was said before, and is not pulled away from it. Pixels. */
const AT_THE_END = 60;

/** Chat beside the picture. What people write is text and nothing else. */
export function ChatPanel({ streamId, socket }: ChatPanelProps) {
  const [me, setMe] = useState<Me>();
  const [signingIn, setSigningIn] = useState(false);
  const [trouble, setTrouble] = useState('');
  const attempt = (task: () => Promise<void>): void => {
    setTrouble('');
    task().catch((error: Error) => setTrouble(error.message));
  };
  const askWhoIAm = (): void => attempt(async () => setMe(await whoAmI()));
  useEffect(askWhoIAm, []);

  const changed = (): void => {
    setSigningIn(false);
    askWhoIAm();
    socket.restart();
  };
  const leaveAccount = async (who: Me): Promise<void> => {
    await signOut(who);
    // What this tab may watch, and as whom, goes with the account.
    socket.forget();
    location.reload();
  };
  const mayWrite = me?.user || socket.mode?.anonymous;
  return (
    <aside class="chat" aria-label="Chat">
      <Messages
        socket={socket}
        onDelete={me && ((id) => attempt(() => deleteMessage(me, streamId, id)))}
        onSilence={me && ((userId) => attempt(() => silence(me, streamId, userId, SILENCE_S)))}
      />
      <p class="mode">{modeOf(socket.mode)}</p>
      {me && signingIn ? (
        <SignInForm me={me} onDone={changed} onCancel={() => setSigningIn(false)} />
      ) : (
        <>
          {mayWrite && <Composer socket={socket} onTrouble={setTrouble} />}
          <div class="who">
            {me?.user ? (
              <>
                <span>{me.user.name}</span>
                <button type="button" onClick={() => attempt(() => leaveAccount(me))}>
                  Sign out
                </button>
              </>
            ) : (
              me && (
                <button type="button" onClick={() => setSigningIn(true)}>
                  Sign in to chat
                </button>
              )
            )}
          </div>
        </>
      )}
      <p class="trouble" role="alert">
        {trouble}
      </p>
    </aside>
  );
}

type MessagesProps = {
  socket: StreamSocket;
  onDelete: ((id: string) => void) | undefined;
  onSilence: ((userId: string) => void) | undefined;
};

function Messages({ socket, onDelete, onSilence }: MessagesProps) {
  const list = useRef<HTMLOListElement>(null);
  const atTheEnd = useRef(true);
  const { messages } = socket.log;
  const last = socket.log.last;
  const follow = (): void => {
    if (list.current && atTheEnd.current) list.current.scrollTop = list.current.scrollHeight;
  };
  useEffect(follow, [last]);
  useEffect(() => {
    if (!list.current) return;
    // What stands below it comes and goes, and takes its room.
    const observer = new ResizeObserver(follow);
    observer.observe(list.current);
    return () => observer.disconnect();
  }, []);
  return (
    <ol
      ref={list}
      class="messages"
      aria-live="polite"
      onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
        atTheEnd.current = scrollHeight - scrollTop - clientHeight < AT_THE_END;
      }}
    >
      {messages.map((message) => (
        <li key={message.id}>
          <Said message={message} />
          {socket.moderator && (
            <span class="moderate">
              <button type="button" onClick={() => onDelete?.(message.id)}>
                Delete
              </button>
              <button type="button" onClick={() => onSilence?.(message.userId)}>
                Silence
              </button>
            </span>
          )}
        </li>
      ))}
      {messages.length === 0 && (
        <li class="empty">{socket.connected ? 'Nothing was said yet.' : 'Connecting…'}</li>
      )}
    </ol>
  );
}

function Said({ message: { name, badge, message, createdAt } }: { message: ChatMessage }) {
  return (
    <>
      <time dateTime={createdAt}>
        {new Date(createdAt).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })}
      </time>{' '}
      <strong class={badge}>{name}</strong> <bdi>{message}</bdi>
    </>
  );
}

function Composer({ socket, onTrouble }: { socket: StreamSocket; onTrouble: (why: string) => void }) {
  const [text, setText] = useState('');
  const send = async (): Promise<void> => {
    const message = text.trim();
    if (message === '') return;
    setText('');
    onTrouble('');
    try {
      await socket.send(message);
    } catch (error) {
      onTrouble((error as Error).message);
      // Not lost: it can be sent again, unless something else is being written already.
      setText((now) => now || message);
    }
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <input
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        maxLength={LENGTH}
        aria-label="Message"
        placeholder="Say something"
        autocomplete="off"
      />
      <button type="submit" class="primary" disabled={!socket.connected}>
        Send
      </button>
    </form>
  );
}

function modeOf(mode: ChatMode | undefined): string {
  if (!mode) return '';
  return [
    mode.slowMode > 0 && `One message each ${mode.slowMode} s.`,
    mode.membersOnly && 'For members.',
    mode.followersOnly && 'For followers.',
    mode.emoteOnly && 'Emotes alone.',
  ]
    .filter(Boolean)
    .join(' ');
}
