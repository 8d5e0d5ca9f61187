import { useEffect, useRef, useState } from 'preact/hooks';
import { fetchActiveStreams, fetchRecentRecordings } from '../api/api-client.js';
import { ErrorText } from '../forms/error-text.js';
import { playerPageTexts } from '../texts/player-page.js';
import '../element/player-page.css';

/** Documentation of `<headend-player>`, with examples that play. */
export function PlayerPage() {
  const [address, setAddress] = useState('');
  const [error, setError] = useState('');
  useEffect(() => {
    document.title = `${playerPageTexts.title} · Headend`;
    import('../element/headend-player.js').catch(() => setError(playerPageTexts.loadFailed));
    const closing = new AbortController();
    void firstAddress(closing.signal).then((found) => setAddress((before) => before || found));
    return () => closing.abort();
  }, []);

  const { origin } = location;
  const src = address || `${origin}/watch/ID`;
  return (
    <main class="player-page">
      <h1>{playerPageTexts.title}</h1>
      <p>{playerPageTexts.introduction}</p>
      <label class="card">
        {playerPageTexts.address}
        <input
          type="url"
          value={address}
          placeholder={`${origin}/watch/…`}
          onChange={(event) => setAddress(event.currentTarget.value.trim())}
        />
      </label>
      <ErrorText>{error}</ErrorText>

      <h2>{playerPageTexts.simple}</h2>
      <div class="pair">
        <headend-player src={src} muted />
        <Code>{`<script type="module" src="${origin}/player.js"></script>\n\n<headend-player\n  src="${src}"\n  muted\n></headend-player>`}</Code>
      </div>

      <h2>{playerPageTexts.ownLook}</h2>
      <Controlled src={src} />

      <h2>{playerPageTexts.withoutScript}</h2>
      <p>{playerPageTexts.frame}</p>
      <Code>{`<iframe\n  src="${src.replace(/\/watch\//, '/embed/')}"\n  allow="autoplay; fullscreen; picture-in-picture"\n  style="border: 0; width: 100%; aspect-ratio: 16 / 9"\n></iframe>`}</Code>

      <Table title={playerPageTexts.attributesTitle} rows={playerPageTexts.attributes} />
      <Table title={playerPageTexts.eventsTitle} rows={playerPageTexts.events} />
      <Table title={playerPageTexts.membersTitle} rows={playerPageTexts.members} />
      <Table title={playerPageTexts.partsTitle} rows={playerPageTexts.parts} />
      <p>
        {playerPageTexts.shape} <code>--accent</code> {playerPageTexts.and} <code>--on-accent</code>.
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
            {playerPageTexts.play}
          </button>
          <button type="button" onClick={() => player.current?.pause()}>
            {playerPageTexts.pause}
          </button>
          <span role="status">{playerPageTexts.state(state)}</span>
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
