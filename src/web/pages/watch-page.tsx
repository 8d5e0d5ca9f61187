import { useEffect, useRef, useState } from 'preact/hooks';
import { StreamSocket } from '../chat/stream-socket.js';
import { useLoaded } from '../loading/use-loaded.js';
import type { PlaybackControl } from '../player/controls/playback-control.js';
import type { PlayerView } from '../player/live-player.js';
import { PlayerFrame } from '../player/player-frame.js';
import { reportExperience } from '../qoe/report-experience.js';
import { commonTexts } from '../texts/common.js';
import { watchTexts } from '../texts/watch.js';
import { Badge } from './badge.js';
import { exposeStats } from './console-surface.js';
import { WatchSession, type WatchSnapshot } from './watch-session.js';

// Loaded after the page: they appear when the state of the stream is known.
const loadChat = async () => (await import('../chat/chat-panel.js')).ChatPanel;
const loadReplay = async () => (await import('../chat/chat-replay.js')).ChatReplay;
const loadSignIn = async () => (await import('../account/invitee-sign-in.js')).InviteeSignIn;
const loadRecordings = async () => (await import('../recordings/stream-recordings.js')).StreamRecordings;
const loadActions = async () => (await import('../watch/stream-actions.js')).StreamActions;

/** Page that plays one stream, with its state and chat. */
export function WatchPage({ streamId }: { streamId: string }) {
  const video = useRef<HTMLVideoElement>(null);
  const still = useRef<HTMLCanvasElement>(null);
  const watchSession = useRef<WatchSession>(undefined);
  const [snapshot, setSnapshot] = useState<WatchSnapshot>();
  const [socket, setSocket] = useState<StreamSocket>();
  const [, setRevision] = useState(0);

  useEffect(() => {
    if (!video.current || !still.current) return;
    const streamSocket: StreamSocket = new StreamSocket({
      streamId,
      playbackTimeMs: () => session.chatTimeMs(),
      onStateChange: () => session.refreshStream(),
      onChange: () => {
        setSnapshot(session.snapshot());
        setRevision((count) => count + 1);
      },
    });
    const session: WatchSession = new WatchSession({
      streamId,
      viewerToken: () => streamSocket.viewerToken(),
      capacityError: () => streamSocket.capacityError,
      onReachable: () => streamSocket.reconnectNow(),
      video: video.current,
      still: still.current,
      onChange: () => setSnapshot(session.snapshot()),
    });
    watchSession.current = session;
    const removeStats = exposeStats(() => session.stats());
    setSnapshot(session.snapshot());
    session.start();
    streamSocket.start();
    let viewerToken: string | undefined;
    void streamSocket.viewerToken().then((token) => {
      viewerToken = token;
    });
    const endReports = reportExperience({
      ...{ streamId, viewerToken: () => viewerToken },
      stats: () => {
        const isLive = session.stats().state === 'live' && !session.rewindRange()?.isRewinding;
        return isLive ? session.stats() : undefined;
      },
    });
    setSocket(streamSocket);
    return () => {
      removeStats();
      endReports();
      session.close();
      streamSocket.close();
    };
  }, [streamId]);

  const stream = snapshot?.stream;
  const title = stream?.title;
  useEffect(() => {
    document.title = title ? `${title} · Headend` : 'Headend';
  }, [title]);

  const state = snapshot?.state;
  const player = snapshot?.player;
  const hasEnded = stream?.status === 'ended' && stream.state.name === 'offline';
  const hasPlayer = player !== undefined && player.phase !== 'none';
  const recordingId = snapshot?.recordingId;
  const ChatPanel = useLoaded(recordingId === undefined, loadChat);
  const ChatReplay = useLoaded(recordingId !== undefined, loadReplay);
  const InviteeSignIn = useLoaded(snapshot?.missing === true, loadSignIn);
  const StreamRecordings = useLoaded(hasEnded, loadRecordings);
  const StreamActions = useLoaded(stream !== undefined, loadActions);
  return (
    <main class="watch">
      <div class="watch-main">
        <PlayerFrame
          {...{ video, still }}
          label={title ?? watchTexts.stream}
          playback={hasPlayer ? playbackOf(watchSession.current, player) : undefined}
          notice={state?.notice}
        >
          {snapshot?.offersRecording && (
            <button type="button" class="primary" onClick={() => watchSession.current?.watchRecording()}>
              {watchTexts.watchRecording}
            </button>
          )}
        </PlayerFrame>
        <header class="about">
          <h1>{title ?? watchTexts.stream}</h1>
          {state && <Badge badge={state.badge} />}
          {hasPlayer && socket?.viewers !== undefined && (
            <span class="viewers">{commonTexts.watching(socket.viewers)}</span>
          )}
          {stream && StreamActions && (
            <StreamActions
              {...{ streamId, title: stream.title, userName: stream.userName }}
              clipEnd={hasPlayer ? () => watchSession.current?.clipEnd() : undefined}
            />
          )}
        </header>
        {stream?.description && <p class="description">{stream.description}</p>}
        {hasEnded && StreamRecordings && <StreamRecordings streamId={streamId} />}
      </div>
      {snapshot?.missing
        ? InviteeSignIn && <InviteeSignIn />
        : recordingId !== undefined
          ? ChatReplay && (
              <ChatReplay of={{ recordingId }} positionS={() => video.current?.currentTime ?? 0} />
            )
          : socket &&
            stream &&
            (ChatPanel ? (
              <ChatPanel {...{ streamId, socket }} isAhead={snapshot?.isRewinding ?? false} />
            ) : (
              <aside class="chat" aria-label={watchTexts.chat} />
            ))}
    </main>
  );
}

function playbackOf(session: WatchSession | undefined, view: PlayerView): PlaybackControl | undefined {
  return (
    session && {
      view,
      stats: () => session.playerStats(),
      play: () => session.play(),
      chooseQuality: (id) => session.chooseQuality(id),
      chooseDelivery: (choice) => session.chooseDelivery(choice),
      goLive: () => session.goLive(),
      range: () => session.rewindRange(),
      previewAt: (behindS) => session.previewAt(behindS),
      seekTo: (behindS) => session.rewindTo(behindS),
    }
  );
}
