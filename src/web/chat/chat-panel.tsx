import { useEffect, useRef, useState } from 'preact/hooks';
import type { ChatMessage } from '../../api/contract.js';
import { type CurrentUser, deleteMessage, fetchCurrentUser, muteUser, signOut } from '../account/account.js';
import { SignInForm } from '../account/sign-in-form.js';
import type { ChatMode, StreamSocket } from './stream-socket.js';

type ChatPanelProps = { streamId: string; socket: StreamSocket };

const MAX_MESSAGE_LENGTH = 500;
/** Length of the ban behind the button, in seconds. */
const MUTE_S = 600;
/**
 * New messages scroll the list only when it is within this distance of its end, so that reading back is not
 * interrupted.
 */
const FOLLOW_WITHIN_PX = 60;

/** Chat of a stream. Messages are rendered as text, never as markup. */
export function ChatPanel({ streamId, socket }: ChatPanelProps) {
  const [currentUser, setCurrentUser] = useState<CurrentUser>();
  const [signingIn, setSigningIn] = useState(false);
  const [error, setError] = useState('');
  const attempt = (task: () => Promise<void>): void => {
    setError('');
    task().catch((error: Error) => setError(error.message));
  };
  const refreshUser = (): void => attempt(async () => setCurrentUser(await fetchCurrentUser()));
  useEffect(refreshUser, []);

  const signedIn = (): void => {
    setSigningIn(false);
    refreshUser();
    socket.reconnectWithSession();
  };
  const signOutAndReload = async (user: CurrentUser): Promise<void> => {
    await signOut(user);
    // The viewer token was issued to this account.
    socket.forgetViewer();
    location.reload();
  };
  const mayWrite = currentUser?.user || socket.mode?.anonymous;
  return (
    <aside class="chat" aria-label="Chat">
      <Messages
        socket={socket}
        onDelete={currentUser && ((id) => attempt(() => deleteMessage(currentUser, streamId, id)))}
        onMute={currentUser && ((userId) => attempt(() => muteUser(currentUser, streamId, userId, MUTE_S)))}
      />
      <p class="mode">{modeText(socket.mode)}</p>
      {currentUser && signingIn ? (
        <SignInForm currentUser={currentUser} onDone={signedIn} onCancel={() => setSigningIn(false)} />
      ) : (
        <>
          {mayWrite && <Composer socket={socket} onError={setError} />}
          <div class="who">
            {currentUser?.user ? (
              <>
                <span>{currentUser.user.name}</span>
                <button type="button" onClick={() => attempt(() => signOutAndReload(currentUser))}>
                  Sign out
                </button>
              </>
            ) : (
              currentUser && (
                <button type="button" onClick={() => setSigningIn(true)}>
                  Sign in to chat
                </button>
              )
            )}
          </div>
        </>
      )}
      <p class="error" role="alert">
        {error}
      </p>
    </aside>
  );
}

type MessagesProps = {
  socket: StreamSocket;
  onDelete: ((id: string) => void) | undefined;
  onMute: ((userId: string) => void) | undefined;
};

function Messages({ socket, onDelete, onMute }: MessagesProps) {
  const list = useRef<HTMLOListElement>(null);
  const following = useRef(true);
  const { messages } = socket.log;
  const lastId = socket.log.lastId;
  const scrollToEnd = (): void => {
    if (list.current && following.current) list.current.scrollTop = list.current.scrollHeight;
  };
  useEffect(scrollToEnd, [lastId]);
  useEffect(() => {
    if (!list.current) return;
    // Elements below the list change its height.
    const observer = new ResizeObserver(scrollToEnd);
    observer.observe(list.current);
    return () => observer.disconnect();
  }, []);
  return (
    <ol
      ref={list}
      class="messages"
      aria-live="polite"
      onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
        following.current = scrollHeight - scrollTop - clientHeight < FOLLOW_WITHIN_PX;
      }}
    >
      {messages.map((message) => (
        <li key={message.id}>
          <Message message={message} />
          {socket.moderator && (
            <span class="moderate">
              <button type="button" onClick={() => onDelete?.(message.id)}>
                Delete
              </button>
              <button type="button" onClick={() => onMute?.(message.userId)}>
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

function Message({ message: { name, badge, message, createdAt } }: { message: ChatMessage }) {
  return (
    <>
      <time dateTime={createdAt}>
        {new Date(createdAt).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })}
      </time>{' '}
      <strong class={badge}>{name}</strong> <bdi>{message}</bdi>
    </>
  );
}

function Composer({ socket, onError }: { socket: StreamSocket; onError: (message: string) => void }) {
  const [text, setText] = useState('');
  const send = async (): Promise<void> => {
    const message = text.trim();
    if (message === '') return;
    setText('');
    onError('');
    try {
      await socket.sendMessage(message);
    } catch (error) {
      onError((error as Error).message);
      // Puts the text back for another attempt, unless the user has typed since.
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
        maxLength={MAX_MESSAGE_LENGTH}
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

function modeText(mode: ChatMode | undefined): string {
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
