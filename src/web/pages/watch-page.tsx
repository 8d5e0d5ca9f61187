import { useEffect, useRef, useState } from 'preact/hooks';
import { InviteeSignIn } from '../account/invitee-sign-in.js';
import { ChatPanel } from '../chat/chat-panel.js';
import { StreamSocket } from '../chat/stream-socket.js';
import { canFillScreen, FullScreenButton } from '../player/full-screen-button.js';
import { PlayerBar } from '../player/player-bar.js';
import { Badge } from './badge.js';
import { exposeStats } from './console-surface.js';
import { WatchSession, type WatchSnapshot } from './watch-session.js';

/** Page that plays one stream, with its state and chat. */
export function WatchPage({ streamId }: { streamId: string }) {
  const frame = useRef<HTMLDivElement>(null);
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
      playbackTimeMs: () => session.snapshot().player.playbackTimeMs,
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
    setSocket(streamSocket);
    return () => {
      removeStats();
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
  const covered = state?.notice !== undefined;
  const hasPlayer = player !== undefined && player.phase !== 'none';
  return (
    <main class="watch">
      <div class="watch-main">
        <div ref={frame} class={`player ${covered ? 'covered' : ''}`}>
          {/* biome-ignore lint/a11y/useMediaCaption: live streams come without captions */}
          <video
            ref={video}
            controls={hasPlayer}
            // The browser's control would make the video alone full screen, without the held frame on top.
            controlsList={canFillScreen() ? 'nofullscreen' : undefined}
            playsInline
            aria-label={title ?? 'Stream'}
          />
          <canvas ref={still} class="still" hidden />
          <div class="notice" role="status" aria-live="polite">
            {state?.notice && <p>{state.notice}</p>}
            {player?.phase === 'refused' && (
              <button type="button" class="primary" onClick={() => watchSession.current?.play()}>
                Play
              </button>
            )}
          </div>
          {player?.mutedByBrowser && player.phase !== 'refused' && (
            <button type="button" class="primary unmute" onClick={() => watchSession.current?.unmute()}>
              Unmute
            </button>
          )}
          {hasPlayer && canFillScreen() && <FullScreenButton target={frame} />}
        </div>
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
        </header>
        {snapshot?.stream?.description && <p class="description">{snapshot.stream.description}</p>}
      </div>
      {snapshot?.missing ? (
        <InviteeSignIn />
      ) : (
        socket && snapshot?.stream && <ChatPanel streamId={streamId} socket={socket} />
      )}
    </main>
  );
}
