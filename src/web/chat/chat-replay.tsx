import { useEffect, useRef, useState } from 'preact/hooks';
import { callApi } from '../api/api-client.js';
import { timeText } from '../player/rewind-position.js';
import { chatTexts } from '../texts/chat.js';
import { type LoadReplay, type ReplayedMessage, ReplayWindows } from './replay-windows.js';
import './messages.css';

type ChatReplayProps = {
  of: { recordingId: string } | { clipId: string };
  /** Returns the position of the frame on screen, s. */
  positionS: () => number;
};

const TICK_MS = 500;

/** Chat beside a recording or clip: the messages up to the frame on screen. */
export function ChatReplay({ of, positionS }: ChatReplayProps) {
  const list = useRef<HTMLOListElement>(null);
  const [messages, setMessages] = useState<readonly ReplayedMessage[]>([]);
  const id = 'recordingId' in of ? of.recordingId : of.clipId;

  useEffect(() => {
    const update = (): void => setMessages(windows.upTo(positionS()));
    const windows = new ReplayWindows(loaderOf(of), update);
    update();
    const timer = setInterval(update, TICK_MS);
    return () => clearInterval(timer);
  }, [id]);

  const lastId = messages.at(-1)?.message.id;
  useEffect(() => {
    if (list.current) list.current.scrollTop = list.current.scrollHeight;
  }, [lastId]);

  return (
    <aside class="chat" aria-label={chatTexts.replay}>
      <ol ref={list} class="messages">
        {messages.map(({ positionS: atS, message: { id: messageId, name, badge, message } }) => (
          <li key={messageId}>
            <time>{timeText(atS)}</time> <strong class={badge}>{name}</strong> <bdi>{message}</bdi>
          </li>
        ))}
        {messages.length === 0 && <li class="nothing">{chatTexts.replayEmpty}</li>}
      </ol>
    </aside>
  );
}

function loaderOf(of: ChatReplayProps['of']): LoadReplay {
  return async ({ fromS, toS, after }) => {
    const query = { fromS: String(fromS), toS: String(toS), ...(after === undefined ? {} : { after }) };
    const result =
      'recordingId' in of
        ? await callApi('GET /api/recordings/:recordingId/chat', { params: of, query })
        : await callApi('GET /api/clips/:clipId/chat', { params: of, query });
    return result.kind === 'ok' ? result.value : undefined;
  };
}
