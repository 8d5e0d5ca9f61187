import type { BroadcastStats } from '../pages/console-surface.js';
import { broadcastTexts } from '../texts/broadcast.js';
import { GONE, WhipConnection } from '../webrtc/whip-connection.js';
import { type BroadcastEvent, type BroadcastState, IDLE, isOnAir, nextBroadcast } from './broadcast-state.js';
import { Capture, type CaptureChoice, CaptureError, type Devices, listDevices } from './capture.js';
import type { CodecPreference, VideoSettings } from './encodings.js';
import type { OutboundStats } from './outbound-stats.js';

export type BroadcastSettings = CaptureChoice & VideoSettings & { codec: CodecPreference };

export type BroadcastSnapshot = {
  state: BroadcastState;
  devices: Devices;
  /** Message for the user: why capture failed or stopped. */
  captureError: string | undefined;
  captured: { video: boolean; audio: boolean };
  /** For the level meter. */
  audioTrack: MediaStreamTrack | undefined;
  muted: { video: boolean; audio: boolean };
  outbound: OutboundStats | undefined;
  /** Seconds since the broadcast was live first. */
  onAirS: number;
};

const WHIP_PATH = '/whip';
const TICK_MS = 500;

/** Captures, publishes by WHIP and reconnects until the user ends the broadcast. */
export class BroadcastSession {
  readonly #onChange: () => void;
  readonly #listeners = new AbortController();
  readonly #capture: Capture;
  #state: BroadcastState = IDLE;
  #devices: Devices = { cameras: [], microphones: [] };
  #captureError: string | undefined;
  #settings: BroadcastSettings | undefined;
  #streamKey = '';
  #connection: WhipConnection | undefined;
  #outbound: OutboundStats | undefined;
  #liveSinceMs: number | undefined;
  #tickTimer: ReturnType<typeof setInterval> | undefined;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
    this.#capture = new Capture({
      onTrack: (kind) => void this.#trackChanged(kind),
      onLost: (message) => this.#captureFailed(message),
    });
  }

  /** Captured tracks, for the preview. */
  get stream(): MediaStream {
    return this.#capture.stream;
  }

  start(): void {
    const { signal } = this.#listeners;
    window.addEventListener('online', () => this.#dispatch({ type: 'network' }), { signal });
    window.addEventListener('beforeunload', (event) => isOnAir(this.#state) && event.preventDefault(), {
      signal,
    });
    // A page restored from the back/forward cache has lost its connection.
    window.addEventListener(
      'pageshow',
      ({ persisted }) => persisted && this.#dispatch({ type: 'failed', failure: { kind: 'lost' } }),
      { signal },
    );
    navigator.mediaDevices?.addEventListener('devicechange', () => void this.#devicesChanged(), { signal });
    this.#tickTimer = setInterval(() => this.#dispatch({ type: 'tick' }), TICK_MS);
    void this.#refreshDevices();
  }

  snapshot(): BroadcastSnapshot {
    const { stream } = this.#capture;
    return {
      state: this.#state,
      devices: this.#devices,
      captureError: this.#captureError,
      captured: { video: stream.getVideoTracks().length > 0, audio: stream.getAudioTracks().length > 0 },
      audioTrack: this.#capture.audio,
      muted: { video: this.#capture.muted('video'), audio: this.#capture.muted('audio') },
      outbound: this.#outbound,
      onAirS:
        this.#liveSinceMs === undefined ? 0 : Math.floor((performance.now() - this.#liveSinceMs) / 1_000),
    };
  }

  stats(): BroadcastStats {
    const { name, reconnects, reason } = this.#state;
    return {
      state: name,
      reconnects,
      ...(reason === undefined ? {} : { reason }),
      ...(this.#outbound ? { outbound: this.#outbound } : {}),
    };
  }

  /**
   * Captures the chosen sources for the preview; a running broadcast sends them too.
   *
   * @returns false when capture failed
   */
  async preview(settings: BroadcastSettings): Promise<boolean> {
    this.#settings = settings;
    this.#captureError = undefined;
    try {
      await this.#capture.capture(settings);
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
      this.#captureFailed(error.message);
      return false;
    } finally {
      await this.#refreshDevices();
    }
    return true;
  }

  async startBroadcast(streamKey: string, settings: BroadcastSettings): Promise<void> {
    if (!(await this.preview(settings))) return;
    const { video, audio } = this.#capture;
    if (!video && !audio) {
      this.#captureFailed(broadcastTexts.nothingChosen);
      return;
    }
    this.#streamKey = streamKey;
    this.#liveSinceMs = undefined;
    this.#dispatch({ type: 'begin' });
  }

  /** Ends the broadcast on the server, for its viewers too. */
  endBroadcast(): void {
    this.#dispatch({ type: 'end' });
  }

  mute(kind: 'video' | 'audio', muted: boolean): void {
    this.#capture.mute(kind, muted);
    this.#onChange();
  }

  close(): void {
    this.#listeners.abort();
    clearInterval(this.#tickTimer);
    void this.#connection?.close();
    this.#capture.close();
  }

  #dispatch(event: BroadcastEvent): void {
    const before = this.#state;
    this.#state = nextBroadcast(before, event, performance.now());
    if (this.#state === before) return;
    if (this.#state.name === 'live') this.#liveSinceMs ??= performance.now();
    if (this.#state.name === 'connecting') void this.#connect();
    else if (this.#state.name !== 'live') void this.#connection?.close();
    // A new broadcast must not see how the last one ended.
    if (!isOnAir(this.#state)) this.#connection = undefined;
    if (this.#state.name !== 'live') this.#outbound = undefined;
    this.#onChange();
  }

  async #connect(): Promise<void> {
    // The old session is deleted first: the server may still count it as live, or answer 410 with the reason for its end.
    const before = this.#connection;
    const refusal = await before?.close();
    if (this.#connection !== before || this.#state.name !== 'connecting') return;
    this.#connection = undefined;
    if (refusal?.status === GONE) {
      this.#dispatch({ type: 'failed', failure: { kind: 'refused', refusal } });
      return;
    }
    const settings = this.#settings;
    if (!settings) return;
    const connection: WhipConnection = new WhipConnection({
      url: new URL(WHIP_PATH, location.origin).href,
      streamKey: this.#streamKey,
      video: this.#capture.video,
      audio: this.#capture.audio,
      videoSettings: settings,
      onConnected: () => this.#connection === connection && this.#dispatch({ type: 'connected' }),
      onFailed: (failure) => this.#connection === connection && this.#dispatch({ type: 'failed', failure }),
      onStats: () => {
        this.#outbound = connection.stats;
        this.#onChange();
      },
    });
    this.#connection = connection;
    await connection.connect();
  }

  /** Sends the new track of a kind. */
  async #trackChanged(kind: 'video' | 'audio'): Promise<void> {
    this.#onChange();
    if (this.#state.name !== 'live' && this.#state.name !== 'connecting') return;
    const track = kind === 'video' ? this.#capture.video : this.#capture.audio;
    const connection = this.#connection;
    if (!connection || (await connection.replaceTrack(kind, track))) return;
    // Audio or video that the offer did not contain needs a new connection.
    if (this.#connection === connection) this.#dispatch({ type: 'renew' });
  }

  #captureFailed(message: string): void {
    this.#captureError = message;
    this.#onChange();
  }

  /** Captures a device again that was unplugged. */
  async #devicesChanged(): Promise<void> {
    await this.#refreshDevices();
    if (this.#settings && this.#capture.canResume(this.#devices)) await this.preview(this.#settings);
  }

  async #refreshDevices(): Promise<void> {
    this.#devices = await listDevices();
    this.#onChange();
  }
}
