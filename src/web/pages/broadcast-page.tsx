import { useEffect, useRef, useState } from 'preact/hooks';
import { BroadcastForm } from '../broadcast/broadcast-form.js';
import { Broadcasting, type BroadcastSnapshot } from '../broadcast/broadcast-session.js';
import { type BroadcastState, isOnAir } from '../broadcast/broadcast-state.js';
import { OutboundTable } from '../broadcast/outbound-table.js';
import { Badge } from './badge.js';
import { offerStats } from './console-surface.js';
import type { Badge as BadgeData } from './playback-state.js';

/** Broadcasts camera, screen and microphone of this machine. */
export function BroadcastPage() {
  const video = useRef<HTMLVideoElement>(null);
  const broadcasting = useRef<Broadcasting>(undefined);
  const [snapshot, setSnapshot] = useState<BroadcastSnapshot>();

  useEffect(() => {
    document.title = 'Broadcast · Headend';
    const now = new Broadcasting(() => setSnapshot(now.snapshot()));
    broadcasting.current = now;
    if (video.current) video.current.srcObject = now.stream;
    const withdraw = offerStats(() => now.stats());
    setSnapshot(now.snapshot());
    now.start();
    return () => {
      withdraw();
      now.close();
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
      {snapshot?.trouble && (
        <p role="alert" class="trouble">
          {snapshot.trouble}
        </p>
      )}
      <div class="columns">
        <div>
          <div class="stage">
            <video ref={video} autoplay playsInline muted aria-label="What is captured" />
            {snapshot && !snapshot.has.video && (
              <div class="notice">
                <p>{snapshot.has.audio ? 'Sound only.' : 'What is captured is shown here.'}</p>
              </div>
            )}
          </div>
          {snapshot && (snapshot.has.audio || snapshot.has.video) && (
            <div class="player-bar">
              {snapshot.has.audio && (
                <button
                  type="button"
                  onClick={() => broadcasting.current?.mute('audio', !snapshot.muted.audio)}
                >
                  {snapshot.muted.audio ? 'Turn sound on' : 'Turn sound off'}
                </button>
              )}
              {snapshot.has.video && (
                <button
                  type="button"
                  onClick={() => broadcasting.current?.mute('video', !snapshot.muted.video)}
                >
                  {snapshot.muted.video ? 'Turn picture on' : 'Turn picture off'}
                </button>
              )}
            </div>
          )}
          {snapshot?.outbound && <OutboundTable outbound={snapshot.outbound} seconds={snapshot.seconds} />}
        </div>
        <BroadcastForm
          devices={snapshot?.devices ?? { cameras: [], microphones: [] }}
          onAir={onAir}
          onPreview={(settings) => void broadcasting.current?.preview(settings)}
          onBegin={(streamKey, settings) => void broadcasting.current?.begin(streamKey, settings)}
          onEnd={() => broadcasting.current?.end()}
        />
      </div>
    </main>
  );
}

function badgeOf({ name, begun }: BroadcastState): BadgeData {
  switch (name) {
    case 'live':
      return { tone: 'live', text: 'Live' };
    case 'connecting':
    case 'waiting':
      return { tone: 'busy', text: begun ? 'Reconnecting' : 'Connecting' };
    case 'refused':
      return { tone: 'quiet', text: 'Refused' };
    case 'ended':
      return { tone: 'quiet', text: 'Ended' };
    case 'idle':
      return { tone: 'quiet', text: 'Off air' };
  }
}

function sentenceOf({ name, why, begun }: BroadcastState): string {
  switch (name) {
    case 'idle':
      return 'Choose a picture and a sound, enter the stream key, and go live.';
    case 'connecting':
      return begun ? 'Connecting again…' : 'Connecting…';
    case 'live':
      return 'You are live.';
    case 'waiting':
      return `${why ?? 'The connection was lost.'} Trying again…`;
    case 'refused':
      return `You are not live: ${why ?? 'the server refused.'}`;
    case 'ended':
      return 'You ended the broadcast.';
  }
}
