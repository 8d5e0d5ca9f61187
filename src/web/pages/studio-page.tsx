import { useEffect, useState } from 'preact/hooks';
import type { Health } from '../../api/contract.js';
import { SignedIn, type SignedInUser } from '../account/signed-in.js';
import { callApi, fetchStream, type Stream } from '../api/api-client.js';
import { Poll } from '../api/poll.js';
import { BroadcastPanel } from '../broadcast/broadcast-panel.js';
import { ChatPanel } from '../chat/chat-panel.js';
import { StreamSocket } from '../chat/stream-socket.js';
import { KeySection } from '../dashboard/key-section.js';
import { badgeOf } from '../dashboard/livestream-card.js';
import { RecordingSection } from '../dashboard/recording-section.js';
import { RestreamSection } from '../dashboard/restream-section.js';
import { ConfirmButton } from '../forms/confirm-button.js';
import { ErrorText } from '../forms/error-text.js';
import { useAction } from '../forms/use-action.js';
import { browserKey } from '../studio/browser-key.js';
import { HealthPanel } from '../studio/health-panel.js';
import { HealthPoll } from '../studio/health-poll.js';
import { Badge } from './badge.js';

type Way = 'obs' | 'browser';

const WAYS: [Way, string][] = [
  ['obs', 'OBS'],
  ['browser', 'This browser'],
];

/** Page on which a broadcaster goes live and watches over the broadcast. */
export function StudioPage({ streamId }: { streamId: string }) {
  useEffect(() => {
    document.title = 'Studio · Headend';
  }, []);
  return (
    <main class="studio">
      <SignedIn invitation="Sign in to broadcast.">
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
  const [, setRevision] = useState(0);
  const action = useAction();
  const { csrfToken } = currentUser;

  useEffect(() => {
    const poll = new Poll({
      fetch: (signal) => fetchStream(streamId, signal),
      onResult: (result) => {
        setIsMissing(result.kind === 'missing');
        if (result.kind === 'ok') setStream(result.value.stream);
        return 'fast';
      },
    });
    const doctor = new HealthPoll(streamId, setHealth);
    const chat: StreamSocket = new StreamSocket({
      streamId,
      isViewer: false,
      playbackTimeMs: () => undefined,
      onStateChange() {},
      onChange: () => setRevision((count) => count + 1),
    });
    poll.start();
    doctor.start();
    chat.start();
    setSocket(chat);
    return () => {
      poll.close();
      doctor.close();
      chat.close();
    };
  }, [streamId]);

  if (isMissing) return <p class="error">There is no such livestream.</p>;
  if (!stream) return <p class="faint">Loading…</p>;
  const hasEnded = stream.status === 'ended' && stream.state.name === 'offline';
  const end = (): void => {
    const call = callApi('POST /api/livestream/:streamId/end', { params: { streamId }, body: {}, csrfToken });
    void action.run(call);
  };
  return (
    <>
      <header class="about">
        <h1>{stream.title}</h1>
        <Badge badge={badgeOf(stream)} />
        <span class="viewers">{viewersText(stream)}</span>
        <a class="button" href={`/watch/${encodeURIComponent(streamId)}`}>
          Watch
        </a>
        {!hasEnded && (
          <ConfirmButton question="End this livestream? Its stream keys end with it." onConfirm={end}>
            End the livestream
          </ConfirmButton>
        )}
      </header>
      <ErrorText>{action.error}</ErrorText>
      <div class="studio-columns">
        <div>
          {hasEnded ? (
            <p>This livestream has ended. Create another one on the dashboard.</p>
          ) : (
            <>
              <div class="tabs" role="tablist" aria-label="Ways to broadcast">
                {WAYS.map(([name, text]) => (
                  <button
                    key={name}
                    type="button"
                    role="tab"
                    id={`tab-${name}`}
                    aria-selected={way === name}
                    aria-controls={`panel-${name}`}
                    onClick={() => setWay(name)}
                  >
                    {text}
                  </button>
                ))}
              </div>
              {/* Hidden and not removed: a broadcast of this browser goes on. */}
              <div id="panel-obs" role="tabpanel" aria-labelledby="tab-obs" hidden={way !== 'obs'}>
                <p>
                  Settings → Stream: service “Custom…”, with server and stream key. Settings → Output:
                  keyframe interval 2 s. Then “Start Streaming”.
                </p>
                <KeySection currentUser={currentUser} streamId={streamId} />
              </div>
              <div
                id="panel-browser"
                role="tabpanel"
                aria-labelledby="tab-browser"
                hidden={way !== 'browser'}
              >
                <BroadcastPanel
                  heading={<h2>This browser</h2>}
                  obtainKey={async () => (await action.run(browserKey(currentUser, streamId)))?.streamKey}
                />
              </div>
            </>
          )}
          <RestreamSection currentUser={currentUser} streamId={streamId} />
          <RecordingSection key={stream.state.name} currentUser={currentUser} streamId={streamId} />
        </div>
        <HealthPanel health={health} />
        {socket && <ChatPanel streamId={streamId} socket={socket} />}
      </div>
    </>
  );
}

/** `12 watching: 3 by WebRTC, 9 by HLS`. */
function viewersText({ viewers: { total, byProtocol } }: Stream): string {
  const protocols = Object.entries(byProtocol)
    .filter(([, count]) => count > 0)
    .map(([protocol, count]) => `${count} by ${PROTOCOL_NAMES[protocol] ?? protocol}`);
  return `${total} watching${protocols.length > 0 ? `: ${protocols.join(', ')}` : ''}`;
}

const PROTOCOL_NAMES: Record<string, string> = {
  whep: 'WebRTC',
  'll-hls': 'low-latency HLS',
  hls: 'HLS',
  dash: 'DASH',
};
