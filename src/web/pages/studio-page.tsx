import { useEffect, useRef, useState } from 'preact/hooks';
import type { Health } from '../../api/contract.js';
import { isStillSignedIn } from '../account/account.js';
import { SignedIn, type SignedInUser } from '../account/signed-in.js';
import { fetchStream, type Stream } from '../api/api-client.js';
import { Poll } from '../api/poll.js';
import { BroadcastPanel } from '../broadcast/broadcast-panel.js';
import type { BroadcastSession } from '../broadcast/broadcast-session.js';
import type { BroadcastState } from '../broadcast/broadcast-state.js';
import { ChatPanel } from '../chat/chat-panel.js';
import { StreamSocket } from '../chat/stream-socket.js';
import { KeySection } from '../dashboard/key-section.js';
import { badgeOf } from '../dashboard/livestream-card.js';
import { RecordingSection } from '../dashboard/recording-section.js';
import { RestreamSection } from '../dashboard/restream-section.js';
import { ErrorText } from '../forms/error-text.js';
import { useAction } from '../forms/use-action.js';
import { browserKey } from '../studio/browser-key.js';
import { GoLive, type Way } from '../studio/go-live.js';
import { HealthPanel } from '../studio/health-panel.js';
import { HealthPoll } from '../studio/health-poll.js';
import { Monitor } from '../studio/monitor.js';
import { onAirOf } from '../studio/on-air.js';
import { viewersText } from '../studio/viewer-minutes.js';
import { ViewerPlot } from '../studio/viewer-plot.js';
import { formsTexts } from '../texts/forms.js';
import { studioTexts } from '../texts/studio.js';
import { Badge } from './badge.js';
import '../studio/studio.css';

const WAYS: Way[] = ['obs', 'browser'];

/** Form that begins the broadcast of this browser; its button is above the tabs. */
const FORM_ID = 'broadcast-form';

/** Page on which a broadcaster goes live and watches over the broadcast. */
export function StudioPage({ streamId }: { streamId: string }) {
  useEffect(() => {
    document.title = 'Studio · Headend';
  }, []);
  return (
    <main class="studio">
      <SignedIn invitation={studioTexts.signInToBroadcast}>
        {(currentUser) => <Studio currentUser={currentUser} streamId={streamId} />}
      </SignedIn>
    </main>
  );
}

function Studio({ currentUser, streamId }: { currentUser: SignedInUser; streamId: string }) {
  const [stream, setStream] = useState<Stream>();
  const [isMissing, setIsMissing] = useState(false);
  const [health, setHealth] = useState<Health>();
  const [socket, setSocket] = useState<StreamSocket>();
  const [way, setWay] = useState<Way>('obs');
  const [browser, setBrowser] = useState<BroadcastState>();
  const broadcast = useRef<Pick<BroadcastSession, 'endBroadcast'>>(undefined);
  const poll = useRef<Poll<{ stream: Stream }>>(undefined);
  const [, setRevision] = useState(0);
  const action = useAction();
  const { csrfToken } = currentUser;

  useEffect(() => {
    const polled = new Poll({
      fetch: (signal) => fetchStream(streamId, signal),
      onResult: (result) => {
        if (result.kind === 'ok') {
          setStream(result.value.stream);
          setIsMissing(false);
        }
        // A private one is hidden from who is signed out, whose broadcast goes on.
        if (result.kind === 'missing')
          void isStillSignedIn().then((isSignedIn) => isSignedIn && setIsMissing(true));
        return 'fast';
      },
    });
    const doctor = new HealthPoll(streamId, setHealth);
    const chat: StreamSocket = new StreamSocket({
      streamId,
      isViewer: false,
      playbackTimeMs: () => undefined,
      onStateChange: () => polled.fetchNow(),
      onChange: () => setRevision((count) => count + 1),
    });
    poll.current = polled;
    polled.start();
    doctor.start();
    chat.start();
    setSocket(chat);
    return () => {
      polled.close();
      doctor.close();
      chat.close();
    };
  }, [streamId]);

  if (isMissing) return <p class="error">{studioTexts.noSuchLivestream}</p>;
  if (!stream) return <p class="faint">{formsTexts.loading}</p>;
  const hasEnded = onAirOf(stream, browser?.name) === 'over';
  return (
    <>
      <header class="about">
        <h1>{stream.title}</h1>
        <Badge badge={badgeOf(stream)} />
        <span class="viewers">{viewersText(stream.viewers)}</span>
        <a class="button" href={`/watch/${encodeURIComponent(streamId)}`}>
          {studioTexts.watch}
        </a>
      </header>
      <div class="studio-columns">
        <div>
          <GoLive
            {...{ stream, way, csrfToken, browser }}
            formId={FORM_ID}
            onStopSending={() => broadcast.current?.endBroadcast()}
            onChange={() => poll.current?.fetchNow()}
          />
          {!hasEnded && (
            <>
              <div
                class="tabs"
                role="tablist"
                aria-label={studioTexts.waysToBroadcast}
                onKeyDown={(event) => moveInTabs(event, way, setWay)}
              >
                {WAYS.map((name) => (
                  <button
                    key={name}
                    type="button"
                    role="tab"
                    id={`tab-${name}`}
                    aria-selected={way === name}
                    tabIndex={way === name ? 0 : -1}
                    aria-controls={`panel-${name}`}
                    onClick={() => setWay(name)}
                  >
                    {name === 'obs' ? 'OBS' : studioTexts.thisBrowser}
                  </button>
                ))}
              </div>
              {/* Hidden and not removed: a broadcast of this browser goes on. */}
              <div id="panel-obs" role="tabpanel" aria-labelledby="tab-obs" hidden={way !== 'obs'}>
                <p>{studioTexts.obsSteps}</p>
                <KeySection currentUser={currentUser} streamId={streamId} />
              </div>
              <div
                id="panel-browser"
                role="tabpanel"
                aria-labelledby="tab-browser"
                hidden={way !== 'browser'}
              >
                <BroadcastPanel
                  heading={<h2>{studioTexts.thisBrowser}</h2>}
                  obtainKey={async () => (await action.run(browserKey(currentUser, streamId)))?.streamKey}
                  controls={{
                    formId: FORM_ID,
                    onSession: (session) => {
                      broadcast.current = session;
                    },
                    onState: setBrowser,
                  }}
                />
                <ErrorText>{action.error}</ErrorText>
              </div>
            </>
          )}
          {stream.state.name === 'live' && <Monitor stream={stream} />}
          <ViewerPlot streamId={streamId} />
          <RestreamSection currentUser={currentUser} streamId={streamId} />
          <RecordingSection
            key={stream.state.name}
            currentUser={currentUser}
            streamId={streamId}
            isLive={stream.state.name === 'live'}
          />
        </div>
        <HealthPanel health={health} />
        {socket && <ChatPanel streamId={streamId} socket={socket} />}
      </div>
    </>
  );
}

/** Keys of tabs (WAI-ARIA, tabs pattern): the arrows choose, Tab leaves. */
function moveInTabs(event: KeyboardEvent, way: Way, choose: (way: Way) => void): void {
  const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
  if (step === 0) return;
  event.preventDefault();
  const name = WAYS[(WAYS.indexOf(way) + step + WAYS.length) % WAYS.length] ?? way;
  choose(name);
  document.getElementById(`tab-${name}`)?.focus();
}
