import { useEffect, useRef, useState } from 'preact/hooks';
import { InviteeSignIn } from '../account/invitee-sign-in.js';
import { ChatPanel } from '../chat/chat-panel.js';
import { ChatReplay } from '../chat/chat-replay.js';
import { StreamSocket } from '../chat/stream-socket.js';
import { ClipButton } from '../clips/clip-button.js';
import { PlayerBar } from '../player/player-bar.js';
import { PlayerFrame } from '../player/player-frame.js';
import { Scrubber } from '../player/scrubber.js';
import { QoeReporter } from '../qoe/qoe-reporter.js';
import { StreamRecordings } from '../recordings/stream-recordings.js';
import { Badge } from './badge.js';
import { exposeStats } from './console-surface.js';
import { WatchSession, type WatchSnapshot } from './watch-session.js';

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
    const reporter = new QoeReporter({
      ...{ streamId, viewerToken: () => viewerToken },
      stats: () => {
        const isLive = session.stats().state === 'live' && !session.rewindRange()?.isRewinding;
        return isLive ? session.stats() : undefined;
      },
    });
    reporter.start();
    setSocket(streamSocket);
    return () => {
      removeStats();
      reporter.close();
      session.close();
      streamSocket.close();
    };
  }, [streamId]);

  const title = snapshot?.stream?.title;
  useEffect(() => {
    document.title = title ? `${title} · Headend` : 'Headend';
  }, [title]);

  const state = snapshot?.state;
  const player = snapshot?.player;
  const hasEnded = snapshot?.stream?.status === 'ended' && snapshot.stream.state.name === 'offline';
  const hasPlayer = player !== undefined && player.phase !== 'none';
  return (
    <main class="watch">
      <div class="watch-main">
        <PlayerFrame
          {...{ video, still }}
          label={title ?? 'Stream'}
          hasControls={hasPlayer}
          notice={state?.notice}
          refusal={{
            player,
            onPlay: () => watchSession.current?.play(),
            onUnmute: () => watchSession.current?.unmute(),
          }}
        >
          {snapshot?.offersRecording && (
            <button type="button" class="primary" onClick={() => watchSession.current?.watchRecording()}>
              Watch the recording
            </button>
          )}
        </PlayerFrame>
        {hasPlayer && (
          <Scrubber
            range={() => watchSession.current?.rewindRange()}
            previewAt={(behindS) => watchSession.current?.previewAt(behindS)}
            onSeek={(behindS) => watchSession.current?.rewindTo(behindS)}
            onGoLive={() => watchSession.current?.goLive()}
          />
        )}
        {hasPlayer && (
          <PlayerBar
            player={player}
            viewers={socket?.viewers}
            onChooseQuality={(id) => watchSession.current?.chooseQuality(id)}
            onChooseDelivery={(choice) => watchSession.current?.chooseDelivery(choice)}
            onGoLive={() => watchSession.current?.goLive()}
          />
        )}
        <header class="about">
          <h1>{title ?? 'Stream'}</h1>
          {state && <Badge badge={state.badge} />}
          {hasPlayer && <ClipButton streamId={streamId} currentEnd={() => watchSession.current?.clipEnd()} />}
        </header>
        {snapshot?.stream?.description && <p class="description">{snapshot.stream.description}</p>}
        {hasEnded && <StreamRecordings streamId={streamId} />}
      </div>
      {snapshot?.missing ? (
        <InviteeSignIn />
      ) : snapshot?.recordingId !== undefined ? (
        <ChatReplay
          of={{ recordingId: snapshot.recordingId }}
          positionS={() => video.current?.currentTime ?? 0}
        />
      ) : (
        socket && snapshot?.stream && <ChatPanel streamId={streamId} socket={socket} />
      )}
    </main>
  );
}
