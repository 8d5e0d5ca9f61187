import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { ChatMessage } from '../../api/contract.js';
import {
  banFromChat,
  type CurrentUser,
  deleteMessage,
  fetchCurrentUser,
  signOut,
} from '../account/account.js';
import { SignInForm } from '../account/sign-in-form.js';
import { SocketError } from '../api/reconnecting-socket.js';
import { hasNoFocus, useFocusBack } from '../forms/focus.js';
import { useLoaded } from '../loading/use-loaded.js';
import { chatTexts } from '../texts/chat.js';
import { Composer } from './composer.js';
import { MessageList } from './message-list.js';
import type { MessageActions } from './message-row.js';
import { PollCard } from './poll-card.js';
import { ReactionBar } from './reaction-bar.js';
import type { ChatMode, StreamSocket } from './stream-socket.js';
import './messages.css';

type ChatPanelProps = {
  streamId: string;
  socket: StreamSocket;
  /** The chat runs ahead of what the viewer watches. */
  isAhead?: boolean;
};

const loadPollForm = async () => (await import('./poll-form.js')).PollForm;

/** Chat of a stream. Messages are rendered as text, never as markup. */
export function ChatPanel({ streamId, socket, isAhead = false }: ChatPanelProps) {
  const [currentUser, setCurrentUser] = useState<CurrentUser>();
  const [signingIn, setSigningIn] = useState(false);
  const [isMakingPoll, setMakingPoll] = useState(false);
  const [error, setError] = useState('');
  const input = useRef<HTMLInputElement>(null);
  const signInOpener = useFocusBack<HTMLButtonElement>(signingIn);
  const pollOpener = useFocusBack<HTMLButtonElement>(isMakingPoll);
  const hasJustSignedIn = useRef(false);
  const draft = useRef('');
  const PollForm = useLoaded(isMakingPoll, loadPollForm);
  const attempt = async (task: () => Promise<void>): Promise<void> => {
    setError('');
    try {
      await task();
    } catch (error) {
      setError((error as Error).message);
      throw error;
    }
  };
  const run = (task: () => Promise<void>): void => void attempt(task).catch(() => {});
  const refreshUser = (): void => run(async () => setCurrentUser(await fetchCurrentUser()));
  useEffect(refreshUser, []);

  const signedIn = (): void => {
    setSigningIn(false);
    hasJustSignedIn.current = true;
    refreshUser();
    socket.reconnectWithSession();
  };
  const signOutAndReload = async (user: CurrentUser): Promise<void> => {
    await signOut(user);
    // The viewer token was issued to this account.
    socket.forgetViewer();
    location.reload();
  };
  const send = async (message: string): Promise<void> => {
    try {
      await socket.sendMessage(message);
    } catch (error) {
      if (error instanceof SocketError && error.code === 'not_signed_in') {
        draft.current = message;
        setSigningIn(true);
        refreshUser();
      }
      throw error;
    }
  };
  const user = currentUser?.user;
  const mayWrite = Boolean(user || socket.mode?.anonymous);
  useEffect(() => {
    if (hasJustSignedIn.current && hasNoFocus()) input.current?.focus();
  }, [user?.id]);
  const { messages } = socket.log;
  const names = (): string[] => namesIn(messages, user?.name);
  const newestNames = useRef(names);
  newestNames.current = names;
  const actions = useMemo((): MessageActions => {
    const reply = ({ name }: ChatMessage): void => {
      const field = input.current;
      if (!field) return;
      field.value = `@${name} ${field.value}`;
      field.dispatchEvent(new Event('input', { bubbles: true }));
      field.focus();
    };
    return {
      ownName: user?.name,
      knownNames: () => [...newestNames.current(), ...(user ? [user.name] : [])],
      reply: mayWrite ? reply : undefined,
      moderate:
        socket.moderator && currentUser
          ? {
              remove: ({ id }) => run(() => deleteMessage(currentUser, streamId, id)),
              ban: ({ userId }, seconds) => run(() => banFromChat(currentUser, streamId, userId, seconds)),
            }
          : undefined,
    };
  }, [currentUser, mayWrite, socket.moderator]);

  const { poll } = socket;
  return (
    <aside class="chat" aria-label={chatTexts.chat}>
      {poll && (
        <PollCard
          poll={poll}
          vote={user ? (option) => attempt(() => socket.vote(poll.id, option)) : undefined}
          close={socket.moderator ? () => run(() => socket.closePoll(poll.id)) : undefined}
          onDismiss={() => socket.dismissPoll()}
        />
      )}
      {isMakingPoll && PollForm && (
        <PollForm
          create={(question, options, seconds) => socket.createPoll(question, options, seconds)}
          onDone={() => setMakingPoll(false)}
        />
      )}
      <MessageList
        {...{ messages, actions }}
        placeholder={socket.connected ? chatTexts.empty : chatTexts.connecting}
        hasOlder={socket.hasOlder}
        loadOlder={() => socket.loadOlder()}
      />
      <ReactionBar
        recent={socket.reactions.recent}
        onReact={mayWrite ? (reaction) => run(() => socket.react(reaction)) : undefined}
      />
      <p class="mode">{modeText(socket.mode, isAhead)}</p>
      {currentUser && signingIn ? (
        <SignInForm currentUser={currentUser} onDone={signedIn} onCancel={() => setSigningIn(false)} />
      ) : (
        <>
          {mayWrite && (
            <Composer
              input={input}
              isConnected={socket.connected}
              maySendAtMs={socket.maySendAtMs}
              names={names}
              draft={draft}
              send={send}
              onError={setError}
            />
          )}
          <div class="who">
            {currentUser && user ? (
              <>
                <span class="name">{user.name}</span>
                {socket.moderator && (!poll || poll.closedAt !== null) && !isMakingPoll && (
                  <button type="button" ref={pollOpener} onClick={() => setMakingPoll(true)}>
                    {chatTexts.newPoll}
                  </button>
                )}
                <button type="button" onClick={() => run(() => signOutAndReload(currentUser))}>
                  {chatTexts.signOut}
                </button>
              </>
            ) : (
              currentUser && (
                <button type="button" ref={signInOpener} onClick={() => setSigningIn(true)}>
                  {chatTexts.signIn}
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

/** Returns the authors of the newest messages, the newest first, without the own name. */
function namesIn(messages: readonly ChatMessage[], ownName: string | undefined): string[] {
  const names = new Set(messages.slice(-NAMED_MESSAGES).map(({ name }) => name));
  if (ownName !== undefined) names.delete(ownName);
  return [...names].toReversed();
}

const NAMED_MESSAGES = 200;

function modeText(mode: ChatMode | undefined, isAhead: boolean): string {
  return [
    isAhead && chatTexts.isAhead,
    mode && mode.slowMode > 0 && chatTexts.slowMode(mode.slowMode),
    mode?.membersOnly && chatTexts.membersOnly,
    mode?.followersOnly && chatTexts.followersOnly,
    mode?.emoteOnly && chatTexts.emoteOnly,
  ]
    .filter(Boolean)
    .join(' ');
}
