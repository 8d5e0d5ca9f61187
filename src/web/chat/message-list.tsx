import type { RefObject } from 'preact';
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { ChatMessage } from '../../api/contract.js';
import { chatTexts } from '../texts/chat.js';
import { type MessageChunk, MessageChunks } from './message-chunks.js';
import { type MessageActions, MessageRow } from './message-row.js';

type MessageListProps = {
  messages: readonly ChatMessage[];
  actions: MessageActions;
  /** Shown while there are no messages. */
  placeholder: string;
  hasOlder: boolean;
  loadOlder: () => Promise<void>;
};

/**
 * New messages scroll the list only when it is within this distance of its end, so that reading back is not
 * interrupted.
 */
const FOLLOW_WITHIN_PX = 60;
/** Distance from the start of the list at which older messages are loaded. */
const LOAD_WITHIN_PX = 200;
/** Distance outside the visible part of the list up to which chunks are rendered. */
const RENDER_WITHIN = '600px 0px';
/** Assumed height of a message that was never rendered. */
const ROW_PX = 28;

/** Messages of a chat. Chunks that are out of sight are replaced by room of the same height. */
export function MessageList({ messages, actions, placeholder, hasOlder, loadOlder }: MessageListProps) {
  const list = useRef<HTMLDivElement>(null);
  const chunks = useRef(new MessageChunks());
  const isFollowing = useRef(true);
  const isLoading = useRef(false);
  /** Height and position before older messages were added. */
  const before = useRef<{ height: number; top: number }>(undefined);
  /** Newest message that the reader, who reads back, has not seen; undefined while the list follows. */
  const [unseenAfter, setUnseenAfter] = useState<string>();

  const scrollToEnd = (): void => {
    if (list.current) list.current.scrollTop = list.current.scrollHeight;
  };
  const follow = (): void => {
    isFollowing.current = true;
    setUnseenAfter(undefined);
    scrollToEnd();
  };
  const scrolled = ({ scrollHeight, scrollTop, clientHeight }: HTMLElement): void => {
    isFollowing.current = scrollHeight - scrollTop - clientHeight < FOLLOW_WITHIN_PX;
    setUnseenAfter((id) => (isFollowing.current ? undefined : (id ?? messages.at(-1)?.id)));
    if (scrollTop < LOAD_WITHIN_PX && hasOlder && !isLoading.current) {
      isLoading.current = true;
      before.current = { height: scrollHeight, top: scrollTop };
      void loadOlder()
        // Scrolling on tries again.
        .catch(() => {})
        .finally(() => {
          isLoading.current = false;
        });
    }
  };

  const firstId = messages[0]?.id;
  useLayoutEffect(() => {
    const { current } = list;
    if (!current || !before.current || isFollowing.current) return;
    current.scrollTop = before.current.top + current.scrollHeight - before.current.height;
    before.current = undefined;
  }, [firstId]);
  useLayoutEffect(() => {
    if (isFollowing.current) scrollToEnd();
  }, [messages]);
  useEffect(() => {
    if (!list.current) return undefined;
    // Elements below the list, and chunks that are rendered, change heights.
    const observer = new ResizeObserver(() => isFollowing.current && scrollToEnd());
    for (const element of [list.current, list.current.firstElementChild])
      if (element) observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const seen = unseenAfter === undefined ? -1 : messages.findIndex(({ id }) => id === unseenAfter);
  const unseen = unseenAfter === undefined ? 0 : messages.length - 1 - seen;
  const all = chunks.current.of(messages);
  return (
    <div class="message-area">
      <div
        ref={list}
        class="messages"
        role="log"
        aria-label={chatTexts.messages}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by the keyboard
        tabIndex={0}
        onScroll={({ currentTarget }) => scrolled(currentTarget)}
      >
        <div>
          {all.map((chunk, index) => (
            <Chunk key={chunk.key} {...{ chunk, actions, list }} isLast={index === all.length - 1} />
          ))}
          {messages.length === 0 && <p class="nothing">{placeholder}</p>}
        </div>
      </div>
      {unseenAfter !== undefined && (
        <button type="button" class="jump" onClick={follow}>
          {unseen > 0 ? chatTexts.newMessages(unseen) : chatTexts.jumpToNewest}
        </button>
      )}
    </div>
  );
}

type ChunkProps = {
  chunk: MessageChunk;
  actions: MessageActions;
  list: RefObject<HTMLElement | null>;
  isLast: boolean;
};

function Chunk({ chunk: { messages }, actions, list, isLast }: ChunkProps) {
  const element = useRef<HTMLOListElement>(null);
  const [isNear, setNear] = useState(isLast);
  const heightPx = useRef<number>(undefined);

  useEffect(() => {
    if (!element.current) return undefined;
    const observer = new IntersectionObserver(
      (entries) => {
        const entry = entries.at(-1);
        if (!entry) return;
        if (!entry.isIntersecting && entry.boundingClientRect.height > 0)
          heightPx.current = entry.boundingClientRect.height;
        setNear(entry.isIntersecting);
      },
      { root: list.current, rootMargin: RENDER_WITHIN },
    );
    observer.observe(element.current);
    return () => observer.disconnect();
  }, []);

  const isRendered = isNear || isLast;
  const [first, last] = [messages[0]?.id, messages.at(-1)?.id];
  // The same elements again: only a chunk that changed is compared.
  const rows = useMemo(
    () => isRendered && messages.map((message) => <MessageRow key={message.id} {...{ message, actions }} />),
    [isRendered, messages.length, first, last, actions],
  );
  const roomPx = heightPx.current ?? messages.length * ROW_PX;
  return (
    <ol ref={element} {...(isRendered ? {} : { style: { height: `${roomPx}px` } })}>
      {rows}
    </ol>
  );
}
