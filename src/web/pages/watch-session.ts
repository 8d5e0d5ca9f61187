import { type FetchResult, fetchStream, type Stream } from '../api/api-client.js';
import { Poll } from '../api/poll.js';
import type { Pace } from '../api/poll-delay.js';
import { createPlayer } from '../player/create-player.js';
import type { DeliveryChoice } from '../player/delivery.js';
import { type LivePlayer, NO_PLAYER, type PlayerView } from '../player/live-player.js';
import type { WatchStats } from './console-surface.js';
import { type PageState, type PlaybackState, playbackState } from './playback-state.js';

export type WatchSessionOptions = {
  streamId: string;
  video: HTMLVideoElement;
  still: HTMLCanvasElement;
  /** Resolves to the viewer token, by which the server counts the tab once; undefined when none is issued. */
  viewerToken: () => Promise<string | undefined>;
  /** Returns the message for the viewer while the livestream is at capacity. */
  capacityError: () => string | undefined;
  /** Called when the API answers again after failures. */
  onReachable: () => void;
  onChange: () => void;
};

export type WatchSnapshot = {
  stream: Stream | undefined;
  /** True when the API knows no such stream, or none for this viewer. */
  missing: boolean;
  state: PlaybackState;
  player: PlayerView;
};

const UNPLAYABLE: PlaybackState = {
  badge: { tone: 'quiet', text: 'Unsupported' },
  notice:
    'This browser cannot play live video (it supports neither Media Source Extensions nor HLS). Use a current browser.',
  player: 'stop',
  pace: 'never',
};

/** Watches one stream: polls the API and keeps a player while the stream is live. */
export class WatchSession {
  readonly #options: WatchSessionOptions;
  readonly #poll: Poll<{ stream: Stream }>;
  #stream: Stream | undefined;
  #missing = false;
  #reachable = true;
  #unplayable = false;
  #player: LivePlayer | undefined;
  #deliveryChoice: DeliveryChoice = 'auto';
  /** `startedAt` of the broadcast that the player was created for. */
  #playerStartedAt: Stream['startedAt'] | undefined;
  #lastPhase: PageState['phase'] = 'none';
  /** Undefined until the token is resolved; its value is undefined when none is issued. */
  #token: { value: string | undefined } | undefined;
  #closed = false;

  constructor(options: WatchSessionOptions) {
    this.#options = options;
    this.#poll = new Poll({
      fetch: (signal) => fetchStream(options.streamId, signal),
      onResult: (result) => this.#streamFetched(result),
    });
  }

  start(): void {
    this.#poll.start();
    void this.#options.viewerToken().then((value) => {
      this.#token = { value };
      if (this.#closed) return;
      if (playbackState(this.#pageState()).player === 'start') this.#ensurePlayer();
      this.#options.onChange();
    });
  }

  /** Polls at once: the server announced a change. */
  refreshStream(): void {
    this.#poll.fetchNow();
  }

  snapshot(): WatchSnapshot {
    const player = this.#player?.view() ?? NO_PLAYER;
    return {
      stream: this.#stream,
      missing: this.#missing,
      state: this.#unplayable ? UNPLAYABLE : playbackState(this.#pageState()),
      player,
    };
  }

  stats(): WatchStats {
    const state = this.#missing ? 'missing' : (this.#stream?.state.name ?? 'unknown');
    return { state: this.#reachable ? state : 'unreachable', ...this.#player?.stats() };
  }

  chooseQuality(id: string): void {
    this.#player?.chooseQuality(id);
  }

  /** Sets the delivery; kept for later broadcasts. */
  chooseDelivery(choice: DeliveryChoice): void {
    this.#deliveryChoice = choice;
    this.#player?.chooseDelivery?.(choice);
  }

  goLive(): void {
    this.#player?.goLive();
  }

  play(): void {
    this.#player?.play();
  }

  unmute(): void {
    this.#options.video.muted = false;
    if (this.#options.video.volume === 0) this.#options.video.volume = 1;
  }

  close(): void {
    this.#closed = true;
    this.#poll.close();
    this.#closePlayer();
  }

  #pageState(): PageState {
    const view = this.#player?.view() ?? NO_PLAYER;
    const stream = this.#stream;
    return {
      stream: this.#missing
        ? { found: 'missing' }
        : stream
          ? { found: 'yes', status: stream.status, state: stream.state.name }
          : { found: 'unknown' },
      reachable: this.#reachable,
      phase: view.phase,
      audioOnly: view.audioOnly,
      capacityError: this.#options.capacityError(),
    };
  }

  #streamFetched(result: FetchResult<{ stream: Stream }>): Pace {
    if (result.kind !== 'failed' && !this.#reachable) this.#options.onReachable();
    this.#reachable = result.kind !== 'failed';
    this.#missing = result.kind === 'missing';
    if (result.kind === 'ok') this.#stream = result.value.stream;
    const { player, pace } = playbackState(this.#pageState());
    if (player === 'stop') this.#closePlayer();
    if (player === 'start') this.#ensurePlayer();
    this.#options.onChange();
    return this.#unplayable ? 'never' : pace;
  }

  /** Called on answers of the API only: a finished player must not restart on an outdated state. */
  #ensurePlayer(): void {
    const stream = this.#stream;
    if (!stream || !this.#token) return;
    const { value: token } = this.#token;
    const finished = this.#player?.view().phase === 'ended' || this.#playerStartedAt !== stream.startedAt;
    if (this.#player && !finished) return;
    const mutedByBrowser = this.#player?.view().mutedByBrowser ?? false;
    this.#closePlayer();
    this.#playerStartedAt = stream.startedAt;
    const { hls, whep } = stream.playback;
    this.#player = createPlayer({
      video: this.#options.video,
      still: this.#options.still,
      url: onPageOrigin(hls, token),
      ...(whep === undefined ? {} : { whepUrl: onPageOrigin(whep, token) }),
      choice: this.#deliveryChoice,
      mutedByBrowser,
      expectsMedia: () => this.#reachable && this.#stream?.state.name === 'live',
      onChange: () => this.#playerChanged(),
    });
    this.#unplayable = !this.#player;
    this.#player?.start();
  }

  #playerChanged(): void {
    const phase = this.#player?.view().phase ?? 'none';
    const interrupted = phase === 'ended' || phase === 'broken' || phase === 'waiting';
    // An interruption often means that the stream's state has changed.
    if (phase !== this.#lastPhase && interrupted) this.#poll.fetchNow();
    this.#lastPhase = phase;
    this.#options.onChange();
  }

  #closePlayer(): void {
    this.#player?.close();
    this.#player = undefined;
    this.#lastPhase = 'none';
  }
}

/** Rewrites a URL to the page's origin: the server may announce another host name. */
function onPageOrigin(address: string, token: string | undefined): string {
  const url = new URL(new URL(address, location.href).pathname, location.origin);
  if (token !== undefined) url.searchParams.set('v', token);
  return url.href;
}
