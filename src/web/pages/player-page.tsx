import { useEffect, useRef, useState } from 'preact/hooks';
import { fetchActiveStreams, fetchRecentRecordings } from '../api/api-client.js';
import { ErrorText } from '../forms/error-text.js';
import '../element/player-page.css';

const ATTRIBUTES = [
  ['src', 'Address of the page of a livestream, recording, clip or video'],
  ['autoplay', 'Plays at once; without sound where the browser asks for a click first'],
  ['muted', 'Begins without sound'],
  ['delivery', 'auto (default): WebRTC, and HLS where that fails; webrtc; hls'],
  ['poster', 'Address of a picture in place of the one from the media'],
  ['label', 'Name for screen readers; default: the title'],
];
const EVENTS = [
  ['statechange', 'detail: {state, phase, delivery, title}'],
  ['error', 'There is nothing to play at the address, or this browser cannot play it; detail as above'],
  ['play, pause, playing, waiting, ended, timeupdate, volumechange', 'As those of a video element'],
];
const MEMBERS = [
  ['state', 'loading, live, waiting (for the broadcaster), offline, recorded, missing or unplayable'],
  ['play(), pause()', 'Start and stop playback'],
  ['paused, muted, volume, currentTime', 'As those of a video element'],
  ['stats()', 'Counters: latency, stalls, bitrate, dropped frames'],
];
const PARTS = [
  ['frame', 'The whole player'],
  ['video', 'The picture'],
  ['notice', 'Sentence and button over the picture'],
  ['unmute', 'Button that switches the sound on'],
];

/** Documentation of `<headend-player>`, with examples that play. */
export function PlayerPage() {
  const [address, setAddress] = useState('');
  const [error, setError] = useState('');
  useEffect(() => {
    document.title = 'The player on other sites · Headend';
    import('../element/headend-player.js').catch(() =>
      setError('The player could not be loaded. Reload the page.'),
    );
    const closing = new AbortController();
    void firstAddress(closing.signal).then((found) => setAddress((before) => before || found));
    return () => closing.abort();
  }, []);

  const { origin } = location;
  const src = address || `${origin}/watch/ID`;
  return (
    <main class="player-page">
      <h1>The player on other sites</h1>
      <p>
        One script and one element show a livestream, recording, clip or video of this server in any page. No
        cookies are used. Private media do not play.
      </p>
      <label class="card">
        Address to play in the examples
        <input
          type="url"
          value={address}
          placeholder={`${origin}/watch/…`}
          onChange={(event) => setAddress(event.currentTarget.value.trim())}
        />
      </label>
      <ErrorText>{error}</ErrorText>

      <h2>Simple</h2>
      <div class="pair">
        <headend-player src={src} muted />
        <Code>{`<script type="module" src="${origin}/player.js"></script>\n\n<headend-player\n  src="${src}"\n  muted\n></headend-player>`}</Code>
      </div>

      <h2>Own look and own buttons</h2>
      <Controlled src={src} />

      <h2>Without a script</h2>
      <p>
        A frame does without. Sites that know oEmbed, such as WordPress, make one from the address of the
        page.
      </p>
      <Code>{`<iframe\n  src="${src.replace(/\/watch\//, '/embed/')}"\n  allow="autoplay; fullscreen; picture-in-picture"\n  style="border: 0; width: 100%; aspect-ratio: 16 / 9"\n></iframe>`}</Code>

      <Table title="Attributes" rows={ATTRIBUTES} />
      <Table title="Events" rows={EVENTS} />
      <Table title="Properties and methods" rows={MEMBERS} />
      <Table title="CSS parts" rows={PARTS} />
      <p>
        The element is as wide as its place and has the shape 16:9, which CSS can change. Its colours are the
        custom properties <code>--accent</code> and <code>--on-accent</code>.
      </p>
    </main>
  );
}

function Controlled({ src }: { src: string }) {
  const player = useRef<HTMLElement & { play(): void; pause(): void }>(null);
  const [state, setState] = useState('loading');
  useEffect(() => {
    const element = player.current;
    const read = (event: Event): void => setState((event as CustomEvent<{ state: string }>).detail.state);
    element?.addEventListener('statechange', read);
    return () => element?.removeEventListener('statechange', read);
  }, []);
  return (
    <div class="pair">
      <div>
        <headend-player ref={player} class="framed-player" src={src} muted />
        <div class="actions player-bar">
          <button type="button" onClick={() => player.current?.play()}>
            Play
          </button>
          <button type="button" onClick={() => player.current?.pause()}>
            Pause
          </button>
          <span role="status">State: {state}</span>
        </div>
      </div>
      <Code>{`<style>\n  headend-player::part(frame) {\n    border: 4px solid #1f5fbf;\n    border-radius: 1.25rem;\n  }\n</style>\n<script>\n  const player = document.querySelector('headend-player');\n  player.addEventListener('statechange', ({ detail }) => {\n    status.textContent = detail.state;\n  });\n  playButton.onclick = () => player.play();\n</script>`}</Code>
    </div>
  );
}

function Code({ children }: { children: string }) {
  // Reached by the keyboard, as it scrolls.
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: scrollable code must be reached by the keyboard
    <pre tabIndex={0}>
      <code>{children}</code>
    </pre>
  );
}

function Table({ title, rows }: { title: string; rows: string[][] }) {
  return (
    <>
      <h2>{title}</h2>
      <div class="table">
        <table>
          <tbody>
            {rows.map(([name, text]) => (
              <tr key={name}>
                <th scope="row">
                  <code>{name}</code>
                </th>
                <td>{text}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

/** Address of what is live, or of the newest recording; empty: there is none. */
async function firstAddress(signal: AbortSignal): Promise<string> {
  const live = await fetchActiveStreams(signal);
  const [stream] = live.kind === 'ok' ? live.value.streams : [];
  if (stream) return `${location.origin}/watch/${stream.id}`;
  const recorded = await fetchRecentRecordings(signal);
  const [recording] = recorded.kind === 'ok' ? recorded.value.recordings : [];
  return recording ? `${location.origin}/recordings/${recording.id}` : '';
}
