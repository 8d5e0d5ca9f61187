import type { BroadcastStats } from '../pages/console-surface.js';
import { GONE, WhipConnection } from '../webrtc/whip-connection.js';
import { type BroadcastEvent, type BroadcastState, IDLE, isOnAir, nextBroadcast } from './broadcast-state.js';
import { Capture, type CaptureChoice, CaptureError, type Devices, devices } from './capture.js';
import type { CodecPreference, PictureSettings } from './encodings.js';
import type { OutboundStats } from './outbound-stats.js';

export type BroadcastSettings = CaptureChoice & PictureSettings & { codec: CodecPreference };

export type BroadcastSnapshot = {
  state: BroadcastState;
  devices: Devices;
  /** A sentence on what could not be captured. */
  trouble: string | undefined;
  has: { video: boolean; audio: boolean };
  muted: { video: boolean; audio: boolean };
  outbound: OutboundStats | undefined;
  /** Seconds on air since it was live first. */
  seconds: number;
};

const WHIP = '/whip';
const TICK_MS = 500;

/** One person broadcasting: captures, publishes by WHIP, and keeps at it until they end it. */
export class Broadcasting {
  readonly #onChange: () => void;
  readonly #listening = new AbortController();
  readonly #capture: Capture;
  #state: BroadcastState = IDLE;
  #devices: Devices = { cameras: [], microphones: [] };
  #trouble: string | undefined;
  #settings: BroadcastSettings | undefined;
  #streamKey = '';
  #connection: WhipConnection | undefined;
  #outbound: OutboundStats | undefined;
  #liveSince: number | undefined;
  #tick: ReturnType<typeof setInterval> | undefined;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
    this.#capture = new Capture({
      onTrack: (kind) => void this.#follow(kind),
      onLost: (sentence) => this.#troubled(sentence),
    });
  }

  /** For the preview. */
  get stream(): MediaStream {
    return this.#capture.stream;
  }

  start(): void {
    const { signal } = this.#listening;
    window.addEventListener('online', () => this.#happened({ type: 'network' }), { signal });
    window.addEventListener('beforeunload', (event) => isOnAir(this.#state) && event.preventDefault(), {
      signal,
    });
    // A page that comes back from the browser's cache has lost its connection.
    window.addEventListener(
      'pageshow',
      ({ persisted }) => persisted && this.#happened({ type: 'failed', failure: { kind: 'lost' } }),
      { signal },
    );
    navigator.mediaDevices?.addEventListener('devicechange', () => void this.#lookForDevices(), { signal });
    this.#tick = setInterval(() => this.#happened({ type: 'tick' }), TICK_MS);
    void this.#lookForDevices();
  }

  snapshot(): BroadcastSnapshot {
    const { stream } = this.#capture;
    return {
      state: this.#state,
      devices: this.#devices,
      trouble: this.#trouble,
      has: { video: stream.getVideoTracks().length > 0, audio: stream.getAudioTracks().length > 0 },
      muted: { video: this.#capture.muted('video'), audio: this.#capture.muted('audio') },
      outbound: this.#outbound,
      seconds: this.#liveSince === undefined ? 0 : Math.floor((performance.now() - this.#liveSince) / 1_000),
    };
  }

  stats(): BroadcastStats {
    const { name, reconnects, why } = this.#state;
    return {
      state: name,
      reconnects,
      ...(why === undefined ? {} : { why }),
      ...(this.#outbound ? { outbound: this.#outbound } : {}),
    };
  }

  /** Captures what is chosen and shows it, without sending it anywhere unless the broadcast runs. */
  async preview(settings: BroadcastSettings): Promise<boolean> {
    this.#settings = settings;
    this.#trouble = undefined;
    try {
      await this.#capture.use(settings);
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
      this.#troubled(error.message);
      return false;
    } finally {
      await this.#lookForDevices();
    }
    return true;
  }

  async begin(streamKey: string, settings: BroadcastSettings): Promise<void> {
    if (!(await this.preview(settings))) return;
    const { video, audio } = this.#capture;
    if (!video && !audio) {
      this.#troubled('There is nothing to broadcast: choose a picture or a sound.');
      return;
    }
    this.#streamKey = streamKey;
    this.#liveSince = undefined;
    this.#happened({ type: 'begin' });
  }

  /** Ends the broadcast for those who watch, too. */
  end(): void {
    this.#happened({ type: 'end' });
  }

  mute(kind: 'video' | 'audio', muted: boolean): void {
    this.#capture.mute(kind, muted);
    this.#onChange();
  }

  close(): void {
    this.#listening.abort();
    clearInterval(this.#tick);
    void this.#connection?.close();
    this.#capture.close();
  }

  #happened(event: BroadcastEvent): void {
    const before = this.#state;
    this.#state = nextBroadcast(before, event, performance.now());
    if (this.#state === before) return;
    if (this.#state.name === 'live') this.#liveSince ??= performance.now();
    if (this.#state.name === 'connecting') void this.#connect();
    else if (this.#state.name !== 'live') void this.#connection?.close();
    // How the last one ended says nothing of the next.
    if (!isOnAir(this.#state)) this.#connection = undefined;
    if (this.#state.name !== 'live') this.#outbound = undefined;
    this.#onChange();
  }

  async #connect(): Promise<void> {
    // The old session first: the server may still hold it for a live one, or knows who took its place.
    const before = this.#connection;
    const refusal = await before?.close();
    if (this.#connection !== before || this.#state.name !== 'connecting') return;
    this.#connection = undefined;
    if (refusal?.status === GONE) {
      this.#happened({ type: 'failed', failure: { kind: 'refused', refusal } });
      return;
    }
    const settings = this.#settings;
    if (!settings) return;
    const connection: WhipConnection = new WhipConnection({
      url: new URL(WHIP, location.origin).href,
      streamKey: this.#streamKey,
      video: this.#capture.video,
      audio: this.#capture.audio,
      picture: settings,
      onConnected: () => this.#connection === connection && this.#happened({ type: 'connected' }),
      onFailed: (failure) => this.#connection === connection && this.#happened({ type: 'failed', failure }),
      onStats: () => {
        this.#outbound = connection.stats;
        this.#onChange();
      },
    });
    this.#connection = connection;
    await connection.dial();
  }

  /** What is sent follows what is captured. */
  async #follow(kind: 'video' | 'audio'): Promise<void> {
    this.#onChange();
    if (this.#state.name !== 'live' && this.#state.name !== 'connecting') return;
    const track = kind === 'video' ? this.#capture.video : this.#capture.audio;
    const connection = this.#connection;
    if (!connection || (await connection.replace(kind, track))) return;
    // A kind of media that was not offered before: a new connection offers it.
    if (this.#connection === connection) this.#happened({ type: 'renew' });
  }

  #troubled(sentence: string): void {
    this.#trouble = sentence;
    this.#onChange();
  }

  async #lookForDevices(): Promise<void> {
    this.#devices = await devices();
    this.#onChange();
  }
}
