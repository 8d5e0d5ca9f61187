import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Badge } from '../pages/badge.js';
import { exposeStats } from '../pages/console-surface.js';
import type { Badge as BadgeData } from '../pages/playback-state.js';
import { broadcastTexts } from '../texts/broadcast.js';
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
            <video ref={video} autoplay playsInline muted aria-label={broadcastTexts.preview} />
            {snapshot && !snapshot.captured.video && (
              <div class="notice">
                <p>{snapshot.captured.audio ? broadcastTexts.audioOnly : broadcastTexts.shownHere}</p>
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
                  {snapshot.muted.audio ? broadcastTexts.audioOn : broadcastTexts.audioOff}
                </button>
              )}
              {snapshot.captured.video && (
                <button
                  type="button"
                  onClick={() => broadcastSession.current?.mute('video', !snapshot.muted.video)}
                >
                  {snapshot.muted.video ? broadcastTexts.videoOn : broadcastTexts.videoOff}
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
      return { tone: 'live', text: broadcastTexts.badgeLive };
    case 'connecting':
    case 'waiting':
      return {
        tone: 'busy',
        text: wasLive ? broadcastTexts.badgeReconnecting : broadcastTexts.badgeConnecting,
      };
    case 'refused':
      return { tone: 'quiet', text: broadcastTexts.badgeRefused };
    case 'ended':
      return { tone: 'quiet', text: broadcastTexts.badgeEnded };
    case 'idle':
      return { tone: 'quiet', text: broadcastTexts.badgeOffAir };
  }
}

/** Sentence on what this tab sends; the page says who sees it. */
function sendingText(state: BroadcastState): string {
  switch (state.name) {
    case 'idle':
      return broadcastTexts.chooseSources;
    case 'live':
      return broadcastTexts.sending;
    case 'ended':
      return broadcastTexts.stoppedSending;
    case 'refused':
      return broadcastTexts.notSending(state.reason ?? broadcastTexts.serverRefused);
    default:
      return sentenceOf(state);
  }
}

function sentenceOf({ name, reason, wasLive }: BroadcastState): string {
  switch (name) {
    case 'idle':
      return broadcastTexts.idle;
    case 'connecting':
      return wasLive ? broadcastTexts.reconnecting : broadcastTexts.connecting;
    case 'live':
      return broadcastTexts.youAreLive;
    case 'waiting':
      return broadcastTexts.tryingAgain(reason ?? broadcastTexts.connectionLost);
    case 'refused':
      return broadcastTexts.notLive(reason ?? broadcastTexts.serverRefused);
    case 'ended':
      return broadcastTexts.youEnded;
  }
}
