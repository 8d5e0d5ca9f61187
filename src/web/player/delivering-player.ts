import { WhepConnection } from '../webrtc/whep-connection.js';
import {
  type DeliveryChoice,
  type DeliveryEvent,
  type DeliveryState,
  deliveryNote,
  firstDelivery,
  nextDelivery,
} from './delivery.js';
import { holdPicture } from './held-frame.js';
import type { LivePlayer, PlayerOptions, PlayerStats, PlayerView } from './live-player.js';
import { WhepPlayer } from './whep-player.js';

export type DeliveringOptions = PlayerOptions & {
  /** The WHEP endpoint. */
  whepUrl: string;
  choice: DeliveryChoice;
  /** False while silence is no fault: the publisher is away, as far as the page knows. */
  expectsMedia: () => boolean;
  /** Makes the player that takes over when WebRTC does not do. */
  createHls: (options: PlayerOptions) => LivePlayer;
};

const TICK_MS = 1_000;

/**
 * Plays by WebRTC when that works, else by HLS, and comes back to WebRTC later. The element stays, and with it sound,
 * volume and full screen; the last picture is in view until the next one is there. What is decided is decided in
 * `delivery.ts`; this carries it out.
 */
export class DeliveringPlayer implements LivePlayer {
  readonly #options: DeliveringOptions;
  readonly #listening = new AbortController();
  #state: DeliveryState;
  #connection: WhepConnection | undefined;
  #player: LivePlayer | undefined;
  #tick: ReturnType<typeof setInterval> | undefined;
  #climbs = 0;
  #falls = 0;
  #closed = false;

  constructor(options: DeliveringOptions) {
    this.#options = options;
    this.#state = firstDelivery(options.choice, 'RTCPeerConnection' in window);
  }

  start(): void {
    const { signal } = this.#listening;
    window.addEventListener('online', () => this.#happened({ type: 'network' }), { signal });
    // A page that comes back from the browser's cache has lost its connection.
    window.addEventListener('pageshow', ({ persisted }) => persisted && this.#cameBack(), { signal });
    this.#options.video.addEventListener('play', () => this.#reconcile(), { signal });
    this.#tick = setInterval(() => this.#happened({ type: 'tick', mayClimb: this.#mayClimb() }), TICK_MS);
    this.#reconcile();
  }

  view(): PlayerView {
    const note = deliveryNote(this.#state);
    const view = this.#player?.view();
    return {
      ...(view ?? {
        ...{ phase: 'loading', audioOnly: false, choices: [], chosen: 'auto', late: false },
        ...{ silenced: this.#options.silenced ?? false, delivery: this.#state.plays },
      }),
      ...(this.#state.fallback?.kind === 'unsupported' ? {} : { deliveryChoice: this.#state.choice }),
      ...(note === undefined ? {} : { deliveryNote: note }),
    };
  }

  stats(): PlayerStats {
    const { fallback } = this.#state;
    const stats = this.#player?.stats() ?? NOT_BEGUN;
    return {
      ...stats,
      ...(fallback
        ? { fallback: fallback.detail ? `${fallback.kind}: ${fallback.detail}` : fallback.kind }
        : {}),
      climbs: this.#climbs,
      falls: this.#falls,
    };
  }

  choose(id: string): void {
    this.#player?.choose(id);
  }

  chooseDelivery(choice: DeliveryChoice): void {
    this.#happened({ type: 'chose', choice });
  }

  goLive(): void {
    this.#player?.goLive();
  }

  play(): void {
    this.#player?.play();
  }

  close(): void {
    this.#closed = true;
    this.#listening.abort();
    clearInterval(this.#tick);
    this.#player?.close();
    this.#connection?.close();
  }

  #happened(event: DeliveryEvent): void {
    const before = this.#state;
    this.#state = nextDelivery(before, event, performance.now());
    if (this.#state === before) return;
    if (event.type === 'flowing') this.#climbs += 1;
    this.#reconcile();
    this.#options.onChange();
  }

  /** Makes the connection and the player what the state says they are. */
  #reconcile(): void {
    if (this.#closed) return;
    const { plays, webrtc } = this.#state;
    if (webrtc === 'off' || webrtc === 'waiting') this.#connection?.close();
    else if (!this.#connection || (this.#connection.closed && !this.#connection.ended)) this.#dial();
    // Nobody is woken who paused: the change is made when they go on.
    if (this.#player?.view().phase === 'paused') return;
    if (plays === 'hls') {
      if (!this.#player || this.#player instanceof WhepPlayer) this.#show(this.#options.createHls);
    } else if (this.#connection && !this.#connection.closed) {
      const connection = this.#connection;
      const shown = this.#player instanceof WhepPlayer ? this.#player.connection : undefined;
      if (shown !== connection) this.#show((options) => new WhepPlayer(options, connection));
    }
  }

  #dial(): void {
    const connection = new WhepConnection({
      url: this.#options.whepUrl,
      onChange: () => this.#connectionChanged(connection),
      onFlowing: () => this.#happened({ type: 'flowing' }),
      onFailed: (trouble) => this.#happened({ type: 'failed', trouble }),
      onPoor: (trouble) => this.#happened({ type: 'poor', trouble }),
      expectsMedia: this.#options.expectsMedia,
    });
    this.#connection = connection;
    void connection.dial();
  }

  #connectionChanged(connection: WhepConnection): void {
    if (connection !== this.#connection) return;
    if (this.#player instanceof WhepPlayer && this.#player.connection === connection) {
      this.#player.connectionChanged();
      this.#options.onChange();
    } else if (connection.ended) {
      // HLS plays, and has its own end; there is nothing to climb to.
      this.#connection = undefined;
      this.#happened({ type: 'failed', trouble: { kind: 'unavailable' } });
    }
  }

  /** Puts another player on the stage, with the last picture in view until it plays. */
  #show(create: (options: PlayerOptions) => LivePlayer): void {
    const { video, still, url } = this.#options;
    const before = this.#player?.view();
    if (before) {
      if (before.delivery === 'webrtc' && this.#state.plays === 'hls') this.#falls += 1;
      const held = holdPicture(video, still);
      this.#player?.close();
      still.hidden = !held;
    }
    const player = create({
      ...{ video, still, url },
      silenced: before?.silenced ?? this.#options.silenced ?? false,
      onChange: this.#options.onChange,
    });
    this.#player = player;
    const chosen = before?.choices.find(({ id }) => id === before.chosen && id !== 'auto');
    if (chosen) player.choose(chosen.label);
    player.start();
  }

  #mayClimb(): boolean {
    const view = this.#player?.view();
    return (
      document.visibilityState === 'visible' &&
      this.#options.expectsMedia() &&
      view?.phase !== 'paused' &&
      view?.phase !== 'refused' &&
      // A rendition chosen by hand is not to be had by WebRTC, or costs more.
      view?.chosen === 'auto'
    );
  }

  #cameBack(): void {
    if (this.#connection?.closed && !this.#connection.ended) {
      this.#state = firstDelivery(this.#state.choice, true);
      this.#reconcile();
    }
  }
}

const NOT_BEGUN: PlayerStats = {
  phase: 'loading',
  delivery: 'webrtc',
  latency: undefined,
  targetLatency: undefined,
  level: undefined,
  levels: [],
  levelSwitches: 0,
  stalls: 0,
  stalledMs: 0,
  buffered: 0,
  playbackRate: 1,
  droppedFrames: 0,
  totalFrames: 0,
  rebuilds: 0,
  errors: [],
};
