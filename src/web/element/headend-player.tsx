import { render } from 'preact';
import { preferLocale, withTexts } from '../locale/language.js';
import controlsStyle from '../player/controls/controls.css?inline';
import type { DeliveryChoice } from '../player/delivery.js';
import type { PlayerStats } from '../player/live-player.js';
import playerStyle from '../player/player.css?inline';
import statsStyle from '../player/stats/stats.css?inline';
import elementStyle from './element.css?inline';
import { ElementSession, type ElementSnapshot, type ElementState } from './element-session.js';
import { ElementView } from './element-view.js';
import { playerSourceOf } from './player-source.js';

const STYLES = [playerStyle, controlsStyle, statsStyle, elementStyle].map((text) => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(text);
  return sheet;
});
/** Events of the video that the element has too. */
const VIDEO_EVENTS = ['play', 'pause', 'playing', 'waiting', 'ended', 'timeupdate', 'volumechange'];
const DELIVERIES: ReadonlySet<string> = new Set(['auto', 'webrtc', 'hls']);

let hasLanguage = false;

/** Detail of the event `statechange`. */
export type StateChange = { state: ElementState; phase: string; delivery: string; title: string | undefined };

/**
 * `<headend-player src="https://live.example/watch/ID">`: plays a livestream, recording, clip or video of a Headend server
 * in a page of any site. Attributes, events and CSS parts are on the page `/player`.
 */
export class HeadendPlayer extends HTMLElement {
  static readonly observedAttributes = ['src', 'muted', 'delivery', 'poster', 'label'];
  readonly #root = this.attachShadow({ mode: 'open' });
  #video: HTMLVideoElement | undefined;
  #still: HTMLCanvasElement | undefined;
  #session: ElementSession | undefined;
  #snapshot: ElementSnapshot | undefined;
  #listeners: AbortController | undefined;
  #lastChange = '';

  constructor() {
    super();
    this.#root.adoptedStyleSheets = STYLES;
  }

  connectedCallback(): void {
    // The texts have one language in a page: the first player chooses it for all of them.
    if (!hasLanguage) preferLocale(this.lang);
    hasLanguage = true;
    this.#render();
    this.#open();
    void withTexts(Promise.resolve()).then(() => this.isConnected && this.#render());
  }

  disconnectedCallback(): void {
    this.#closeSession();
    render(null, this.#root);
    this.#video = this.#still = undefined;
  }

  attributeChangedCallback(name: string, before: string | null, after: string | null): void {
    if (!this.isConnected || before === after || !this.#video) return;
    if (name === 'muted') this.#video.muted = after !== null;
    else if (name === 'src' || name === 'delivery') this.#open();
    else this.#render();
  }

  /** Address of the page, as the attribute. */
  get src(): string {
    return this.getAttribute('src') ?? '';
  }

  set src(address: string) {
    this.setAttribute('src', address);
  }

  get state(): ElementState {
    return this.#snapshot?.state ?? 'loading';
  }

  get paused(): boolean {
    return this.#video?.paused ?? true;
  }

  get muted(): boolean {
    return this.#video?.muted ?? this.hasAttribute('muted');
  }

  set muted(muted: boolean) {
    if (this.#video) this.#video.muted = muted;
    else this.toggleAttribute('muted', muted);
  }

  get volume(): number {
    return this.#video?.volume ?? 1;
  }

  set volume(volume: number) {
    if (this.#video) this.#video.volume = volume;
  }

  /** Position in recorded media, s. */
  get currentTime(): number {
    return this.#video?.currentTime ?? 0;
  }

  set currentTime(positionS: number) {
    if (this.#video) this.#video.currentTime = positionS;
  }

  play(): void {
    this.#session?.play();
  }

  pause(): void {
    this.#video?.pause();
  }

  /** Counters of the player; undefined while there is none. */
  stats(): PlayerStats | undefined {
    return this.#session?.stats();
  }

  #open(): void {
    this.#closeSession();
    const [video, still] = [this.#video, this.#still];
    if (!video || !still) return;
    const listeners = new AbortController();
    this.#listeners = listeners;
    for (const name of VIDEO_EVENTS)
      video.addEventListener(name, () => this.dispatchEvent(new Event(name)), { signal: listeners.signal });
    video.muted = this.hasAttribute('muted');
    const source = playerSourceOf(this.src, document.baseURI);
    const choice = this.getAttribute('delivery') ?? '';
    if (source) {
      const session: ElementSession = new ElementSession({
        ...{ source, video, still, autoplay: this.hasAttribute('autoplay') },
        delivery: DELIVERIES.has(choice) ? (choice as DeliveryChoice) : 'auto',
        onChange: () => this.#changed(session),
      });
      this.#session = session;
      session.start();
    }
    this.#changed(this.#session);
  }

  #changed(session: ElementSession | undefined): void {
    if (session !== this.#session) return;
    this.#snapshot = session?.snapshot();
    this.#render();
    const { state, player, title } = this.#snapshot ?? {};
    if (!state || !player) return;
    const detail: StateChange = { state, phase: player.phase, delivery: player.delivery, title };
    const text = JSON.stringify(detail);
    if (text === this.#lastChange) return;
    this.#lastChange = text;
    this.dispatchEvent(new CustomEvent('statechange', { detail }));
    if (state === 'missing' || state === 'unplayable')
      this.dispatchEvent(new CustomEvent('error', { detail }));
  }

  #render(): void {
    render(
      <ElementView
        snapshot={this.#snapshot}
        label={this.getAttribute('label') ?? undefined}
        poster={this.getAttribute('poster') ?? undefined}
        playback={this.#snapshot && this.#session?.control(this.#snapshot.player)}
        onElements={(video, still) => {
          this.#video = video;
          this.#still = still;
        }}
      />,
      this.#root,
    );
  }

  #closeSession(): void {
    this.#listeners?.abort();
    this.#session?.close();
    this.#session = undefined;
    this.#snapshot = undefined;
  }
}

// A page may load the script twice.
if (!customElements.get('headend-player')) customElements.define('headend-player', HeadendPlayer);
