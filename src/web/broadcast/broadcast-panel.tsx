import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Badge } from '../pages/badge.js';
import { exposeStats } from '../pages/console-surface.js';
import type { Badge as BadgeData } from '../pages/playback-state.js';
import { BroadcastForm } from './broadcast-form.js';
import { BroadcastSession, type BroadcastSnapshot } from './broadcast-session.js';
import { type BroadcastState, isOnAir } from './broadcast-state.js';
import { LevelMeter } from './level-meter.js';
import { OutboundTable } from './outbound-table.js';

type BroadcastPanelProps = {
  heading: ComponentChildren;
  /** Returns the stream key, or undefined when that fails; by default the user enters it. */
  obtainKey?: () => Promise<string | undefined>;
  /** Buttons of the page that begin and end the broadcast, in place of those of the form. */
  controls?: {
    /** A button with this `form` begins the broadcast. */
    formId: string;
    /** Called with the session while the panel is shown. */
    onSession: (session: Pick<BroadcastSession, 'endBroadcast'>) => void;
    onState: (state: BroadcastState) => void;
  };
};

/** Broadcasts camera, screen and microphone by WHIP: preview, settings and state. */
export function BroadcastPanel({ heading, obtainKey, controls }: BroadcastPanelProps) {
  const video = useRef<HTMLVideoElement>(null);
  const broadcastSession = useRef<BroadcastSession>(undefined);
  const [snapshot, setSnapshot] = useState<BroadcastSnapshot>();

  useEffect(() => {
    const session = new BroadcastSession(() => setSnapshot(session.snapshot()));
    broadcastSession.current = session;
    controls?.onSession(session);
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
  useEffect(() => state && controls?.onState(state), [state]);
  const onAir = state !== undefined && isOnAir(state);
  return (
    <div class="broadcast">
      <header class="about">
        {heading}
        {state && !controls && <Badge badge={badgeOf(state)} />}
      </header>
      <p role="status" aria-live="polite">
        {state && (controls ? sendingText(state) : sentenceOf(state))}
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
          {snapshot?.audioTrack && <LevelMeter track={snapshot.audioTrack} />}
          {snapshot?.outbound && <OutboundTable outbound={snapshot.outbound} onAirS={snapshot.onAirS} />}
        </div>
        <BroadcastForm
          devices={snapshot?.devices ?? { cameras: [], microphones: [] }}
          onAir={onAir}
          obtainKey={obtainKey}
          formId={controls?.formId}
          onPreview={(settings) => void broadcastSession.current?.preview(settings)}
          onStart={(streamKey, settings) =>
            void broadcastSession.current?.startBroadcast(streamKey, settings)
          }
          onEnd={() => broadcastSession.current?.endBroadcast()}
        />
      </div>
    </div>
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

/** Sentence on what this tab sends; the page says who sees it. */
function sendingText(state: BroadcastState): string {
  switch (state.name) {
    case 'idle':
      return 'Choose video and audio sources.';
    case 'live':
      return 'This browser is sending.';
    case 'ended':
      return 'This browser has stopped sending.';
    case 'refused':
      return `This browser is not sending: ${state.reason ?? 'the server refused.'}`;
    default:
      return sentenceOf(state);
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
