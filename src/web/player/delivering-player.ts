import { WhepConnection } from '../webrtc/whep-connection.js';
import {
  type DeliveryChoice,
  type DeliveryEvent,
  type DeliveryState,
  deliveryNote,
  initialDelivery,
  nextDelivery,
} from './delivery.js';
import { drawHeldFrame } from './held-frame.js';
import type { LivePlayer, PlayerOptions, PlayerStats, PlayerView } from './live-player.js';
import { WhepPlayer } from './whep-player.js';

export type DeliveringPlayerOptions = PlayerOptions & {
  /** WHEP endpoint. */
  whepUrl: string;
  choice: DeliveryChoice;
  /** False while missing media is no failure: the publisher is disconnected, as far as the page knows. */
  expectsMedia: () => boolean;
  /** Creates the fallback player. */
  createHls: (options: PlayerOptions) => LivePlayer;
};

const TICK_MS = 1_000;

/**
 * Plays WebRTC where it works, else HLS, and returns to WebRTC later. The video element stays, with its muting, volume
 * and full screen; the last frame covers it until the next player renders. Decisions are made in `delivery.ts`.
 */
export class DeliveringPlayer implements LivePlayer {
  readonly #options: DeliveringPlayerOptions;
  readonly #listeners = new AbortController();
  #state: DeliveryState;
  #connection: WhepConnection | undefined;
  #player: LivePlayer | undefined;
  #tickTimer: ReturnType<typeof setInterval> | undefined;
  #upgrades = 0;
  #fallbacks = 0;
  #closed = false;

  constructor(options: DeliveringPlayerOptions) {
    this.#options = options;
    this.#state = initialDelivery(options.choice, 'RTCPeerConnection' in window);
  }

  start(): void {
    const { signal } = this.#listeners;
    window.addEventListener('online', () => this.#dispatch({ type: 'network' }), { signal });
    // A page restored from the back/forward cache has lost its connection.
    window.addEventListener('pageshow', ({ persisted }) => persisted && this.#pageRestored(), { signal });
    this.#options.video.addEventListener('play', () => this.#reconcile(), { signal });
    this.#tickTimer = setInterval(
      () => this.#dispatch({ type: 'tick', mayUpgrade: this.#mayUpgrade() }),
      TICK_MS,
    );
    this.#reconcile();
  }

  view(): PlayerView {
    const note = deliveryNote(this.#state);
    const view = this.#player?.view();
    return {
      ...(view ?? {
        ...{ phase: 'loading', audioOnly: false, choices: [], chosenId: 'auto', isLate: false },
        ...{ mutedByBrowser: this.#options.mutedByBrowser ?? false, delivery: this.#state.active },
      }),
      ...(this.#state.lastFailure?.kind === 'unsupported' ? {} : { deliveryChoice: this.#state.choice }),
      ...(note === undefined ? {} : { deliveryNote: note }),
    };
  }

  stats(): PlayerStats {
    const { lastFailure } = this.#state;
    const stats = this.#player?.stats() ?? NO_STATS;
    return {
      ...stats,
      ...(lastFailure
        ? { fallback: lastFailure.detail ? `${lastFailure.kind}: ${lastFailure.detail}` : lastFailure.kind }
        : {}),
      upgrades: this.#upgrades,
      fallbacks: this.#fallbacks,
    };
  }

  chooseQuality(id: string): void {
    this.#player?.chooseQuality(id);
  }

  chooseDelivery(choice: DeliveryChoice): void {
    this.#dispatch({ type: 'chose', choice });
  }

  goLive(): void {
    this.#player?.goLive();
  }

  play(): void {
    this.#player?.play();
  }

  close(): void {
    this.#closed = true;
    this.#listeners.abort();
    clearInterval(this.#tickTimer);
    this.#player?.close();
    this.#connection?.close();
  }

  #dispatch(event: DeliveryEvent): void {
    const before = this.#state;
    this.#state = nextDelivery(before, event, performance.now());
    if (this.#state === before) return;
    if (event.type === 'receiving') this.#upgrades += 1;
    this.#reconcile();
    this.#options.onChange();
  }

  /** Creates or closes the connection and the player to match the state. */
  #reconcile(): void {
    if (this.#closed) return;
    const { active, webrtc } = this.#state;
    if (webrtc === 'off' || webrtc === 'waiting') this.#connection?.close();
    else if (!this.#connection || (this.#connection.closed && !this.#connection.ended)) this.#connect();
    // A paused viewer is left alone: `play` runs this again.
    if (this.#player?.view().phase === 'paused') return;
    if (active === 'hls') {
      if (!this.#player || this.#player instanceof WhepPlayer) this.#replacePlayer(this.#options.createHls);
    } else if (this.#connection && !this.#connection.closed) {
      const connection = this.#connection;
      const shown = this.#player instanceof WhepPlayer ? this.#player.connection : undefined;
      if (shown !== connection) this.#replacePlayer((options) => new WhepPlayer(options, connection));
    }
  }

  #connect(): void {
    const connection = new WhepConnection({
      url: this.#options.whepUrl,
      onChange: () => this.#connectionChanged(connection),
      onReceiving: () => this.#dispatch({ type: 'receiving' }),
      onFailed: (failure) => this.#dispatch({ type: 'failed', failure }),
      onPoor: (failure) => this.#dispatch({ type: 'poor', failure }),
      expectsMedia: this.#options.expectsMedia,
    });
    this.#connection = connection;
    void connection.connect();
  }

  #connectionChanged(connection: WhepConnection): void {
    if (connection !== this.#connection) return;
    if (this.#player instanceof WhepPlayer && this.#player.connection === connection) {
      this.#player.connectionChanged();
      this.#options.onChange();
    } else if (connection.ended) {
      // HLS plays and ends by itself; there is no connection to return to.
      this.#connection = undefined;
      this.#dispatch({ type: 'failed', failure: { kind: 'unavailable' } });
    }
  }

  /** Replaces the player, covering the video element with the last frame until the new player renders. */
  #replacePlayer(create: (options: PlayerOptions) => LivePlayer): void {
    const { video, still, url } = this.#options;
    const before = this.#player?.view();
    if (before) {
      if (before.delivery === 'webrtc' && this.#state.active === 'hls') this.#fallbacks += 1;
      const holding = drawHeldFrame(video, still);
      this.#player?.close();
      still.hidden = !holding;
    }
    const player = create({
      ...{ video, still, url },
      mutedByBrowser: before?.mutedByBrowser ?? this.#options.mutedByBrowser ?? false,
      onChange: this.#options.onChange,
    });
    this.#player = player;
    const chosen = before?.choices.find(({ id }) => id === before.chosenId && id !== 'auto');
    if (chosen) player.chooseQuality(chosen.label);
    player.start();
  }

  #mayUpgrade(): boolean {
    const view = this.#player?.view();
    return (
      document.visibilityState === 'visible' &&
      this.#options.expectsMedia() &&
      view?.phase !== 'paused' &&
      view?.phase !== 'refused' &&
      // A rendition chosen from the menu may not exist by WebRTC, or cost more.
      view?.chosenId === 'auto'
    );
  }

  #pageRestored(): void {
    if (this.#connection?.closed && !this.#connection.ended) {
      this.#state = initialDelivery(this.#state.choice, true);
      this.#reconcile();
    }
  }
}

const NO_STATS: PlayerStats = {
  phase: 'loading',
  delivery: 'webrtc',
  latencyS: undefined,
  edgeDistanceS: undefined,
  targetLatencyS: undefined,
  level: undefined,
  levels: [],
  levelSwitches: 0,
  stalls: 0,
  stalledMs: 0,
  bufferedS: 0,
  bitrate: undefined,
  playbackRate: 1,
  droppedFrames: 0,
  totalFrames: 0,
  rebuilds: 0,
  errors: [],
};
