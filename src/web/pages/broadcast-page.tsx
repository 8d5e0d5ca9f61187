import { useEffect, useRef, useState } from 'preact/hooks';
import { BroadcastForm } from '../broadcast/broadcast-form.js';
import { BroadcastSession, type BroadcastSnapshot } from '../broadcast/broadcast-session.js';
import { type BroadcastState, isOnAir } from '../broadcast/broadcast-state.js';
import { OutboundTable } from '../broadcast/outbound-table.js';
import { Badge } from './badge.js';
import { exposeStats } from './console-surface.js';
import type { Badge as BadgeData } from './playback-state.js';

/** Page that broadcasts camera, screen and microphone by WHIP. */
export function BroadcastPage() {
  const video = useRef<HTMLVideoElement>(null);
  const broadcastSession = useRef<BroadcastSession>(undefined);
  const [snapshot, setSnapshot] = useState<BroadcastSnapshot>();

  useEffect(() => {
    document.title = 'Broadcast · Headend';
    const session = new BroadcastSession(() => setSnapshot(session.snapshot()));
    broadcastSession.current = session;
    if (video.current) video.current.srcObject = session.stream;
    const removeStats = exposeStats(() => session.stats());
    setSnapshot(session.snapshot());
    session.start();
    return () => {
      removeStats();
      session.close();
    };
  }, []);

  const state = snapshot?.state;
  const onAir = state !== undefined && isOnAir(state);
  return (
    <main class="broadcast">
      <header class="about">
        <h1>Broadcast</h1>
        {state && <Badge badge={badgeOf(state)} />}
      </header>
      <p role="status" aria-live="polite">
        {state && sentenceOf(state)}
      </p>
      {snapshot?.captureError && (
        <p role="alert" class="error">
          {snapshot.captureError}
        </p>
      )}
      <div class="columns">
        <div>
          <div class="player">
            <video ref={video} autoplay playsInline muted aria-label="Preview" />
            {snapshot && !snapshot.captured.video && (
              <div class="notice">
                <p>{snapshot.captured.audio ? 'Audio only.' : 'The captured video is shown here.'}</p>
              </div>
            )}
          </div>
          {snapshot && (snapshot.captured.audio || snapshot.captured.video) && (
            <div class="player-bar">
              {snapshot.captured.audio && (
                <button
                  type="button"
                  onClick={() => broadcastSession.current?.mute('audio', !snapshot.muted.audio)}
                >
                  {snapshot.muted.audio ? 'Turn audio on' : 'Turn audio off'}
                </button>
              )}
              {snapshot.captured.video && (
                <button
                  type="button"
                  onClick={() => broadcastSession.current?.mute('video', !snapshot.muted.video)}
                >
                  {snapshot.muted.video ? 'Turn video on' : 'Turn video off'}
                </button>
              )}
            </div>
          )}
          {snapshot?.outbound && <OutboundTable outbound={snapshot.outbound} onAirS={snapshot.onAirS} />}
        </div>
        <BroadcastForm
          devices={snapshot?.devices ?? { cameras: [], microphones: [] }}
          onAir={onAir}
          onPreview={(settings) => void broadcastSession.current?.preview(settings)}
          onStart={(streamKey, settings) =>
            void broadcastSession.current?.startBroadcast(streamKey, settings)
          }
          onEnd={() => broadcastSession.current?.endBroadcast()}
        />
      </div>
    </main>
  );
}

function badgeOf({ name, wasLive }: BroadcastState): BadgeData {
  switch (name) {
    case 'live':
      return { tone: 'live', text: 'Live' };
    case 'connecting':
    case 'waiting':
      return { tone: 'busy', text: wasLive ? 'Reconnecting' : 'Connecting' };
    case 'refused':
      return { tone: 'quiet', text: 'Refused' };
    case 'ended':
      return { tone: 'quiet', text: 'Ended' };
    case 'idle':
      return { tone: 'quiet', text: 'Off air' };
  }
}

function sentenceOf({ name, reason, wasLive }: BroadcastState): string {
  switch (name) {
    case 'idle':
      return 'Choose video and audio sources, enter the stream key, and go live.';
    case 'connecting':
      return wasLive ? 'Reconnecting…' : 'Connecting…';
    case 'live':
      return 'You are live.';
    case 'waiting':
      return `${reason ?? 'The connection was lost.'} Trying again…`;
    case 'refused':
      return `You are not live: ${reason ?? 'the server refused.'}`;
    case 'ended':
      return 'You ended the broadcast.';
  }
}
