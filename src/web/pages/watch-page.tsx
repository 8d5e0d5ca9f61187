import { useEffect, useRef, useState } from 'preact/hooks';
import { Invited } from '../account/invitee-sign-in.js';
import { ChatPanel } from '../chat/chat-panel.js';
import { StreamSocket } from '../chat/stream-socket.js';
import { canFillScreen, FullScreenButton } from '../player/full-screen-button.js';
import { PlayerBar } from '../player/player-bar.js';
import { Badge } from './badge.js';
import { offerStats } from './console-surface.js';
import { Viewing, type ViewingSnapshot } from './watch-session.js';

/** Plays one stream and says at any time what there is to know about it. */
export function WatchPage({ streamId }: { streamId: string }) {
  const stage = useRef<HTMLDivElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const still = useRef<HTMLCanvasElement>(null);
  const viewing = useRef<Viewing>(undefined);
  const [snapshot, setSnapshot] = useState<ViewingSnapshot>();
  const [socket, setSocket] = useState<StreamSocket>();
  const [, setHeard] = useState(0);

  useEffect(() => {
    if (!video.current || !still.current) return;
    const ear: StreamSocket = new StreamSocket({
      streamId,
      pictureDate: () => now.snapshot().player.pictureDate,
      onState: () => now.refresh(),
      onChange: () => {
        setSnapshot(now.snapshot());
        setHeard((count) => count + 1);
      },
    });
    const now: Viewing = new Viewing({
      streamId,
      viewerToken: () => ear.token(),
      refusal: () => ear.refusal,
      onBack: () => ear.hurry(),
      video: video.current,
      still: still.current,
      onChange: () => setSnapshot(now.snapshot()),
    });
    viewing.current = now;
    const withdraw = offerStats(() => now.stats());
    setSnapshot(now.snapshot());
    now.start();
    ear.start();
    setSocket(ear);
    return () => {
      withdraw();
      now.close();
      ear.close();
    };
  }, [streamId]);

  const title = snapshot?.stream?.title;
  useEffect(() => {
    document.title = title ? `${title} · Headend` : 'Headend';
  }, [title]);

  const state = snapshot?.state;
  const player = snapshot?.player;
  const covered = state?.notice !== undefined;
  const shown = player !== undefined && player.phase !== 'none';
  return (
    <main class="watch">
      <div class="show">
        <div ref={stage} class={`stage ${covered ? 'covered' : ''}`}>
          {/* biome-ignore lint/a11y/useMediaCaption: live streams come without captions */}
          <video
            ref={video}
            controls={shown}
            // The video alone would fill the screen without the picture that is held over it.
            controlsList={canFillScreen() ? 'nofullscreen' : undefined}
            playsInline
            aria-label={title ?? 'Stream'}
          />
          <canvas ref={still} class="still" hidden />
          <div class="notice" role="status" aria-live="polite">
            {state?.notice && <p>{state.notice}</p>}
            {player?.phase === 'refused' && (
              <button type="button" class="primary" onClick={() => viewing.current?.play()}>
                Play
              </button>
            )}
          </div>
          {player?.silenced && player.phase !== 'refused' && (
            <button type="button" class="primary unmute" onClick={() => viewing.current?.unmute()}>
              Turn sound on
            </button>
          )}
          {shown && canFillScreen() && <FullScreenButton target={stage} />}
        </div>
        {shown && (
          <PlayerBar
            player={player}
            viewers={socket?.viewers}
            onChoose={(id) => viewing.current?.choose(id)}
            onChooseDelivery={(choice) => viewing.current?.chooseDelivery(choice)}
            onGoLive={() => viewing.current?.goLive()}
          />
        )}
        <header class="about">
          <h1>{title ?? 'Stream'}</h1>
          {state && <Badge badge={state.badge} />}
        </header>
        {snapshot?.stream?.description && <p class="description">{snapshot.stream.description}</p>}
      </div>
      {snapshot?.missing ? (
        <Invited />
      ) : (
        socket && snapshot?.stream && <ChatPanel streamId={streamId} socket={socket} />
      )}
    </main>
  );
}
