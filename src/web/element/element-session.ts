import { apiPath, callApi } from '../api/api-client.js';
import { Poll } from '../api/poll.js';
import type { Pace } from '../api/poll-delay.js';
import { type PageState, playbackState } from '../pages/playback-state.js';
import { type PlaybackControl, recordedRange } from '../player/controls/playback-control.js';
import { createPlayer } from '../player/create-player.js';
import type { DeliveryChoice } from '../player/delivery.js';
import { type LivePlayer, NO_PLAYER, type PlayerStats, type PlayerView } from '../player/live-player.js';
import { QoeReporter } from '../qoe/qoe-reporter.js';
import { elementTexts } from '../texts/element.js';
import { type LoadedMedia, loadMedia } from './loaded-media.js';
import type { PlayerSource } from './player-source.js';

export type ElementSessionOptions = {
  source: PlayerSource;
  video: HTMLVideoElement;
  still: HTMLCanvasElement;
  delivery: DeliveryChoice;
  /** False: playback starts with `play`. */
  autoplay: boolean;
  onChange: () => void;
};

/** State that the page which holds the player sees. */
export type ElementState = 'loading' | 'live' | 'waiting' | 'offline' | 'recorded' | 'missing' | 'unplayable';

export type ElementSnapshot = {
  state: ElementState;
  title: string | undefined;
  poster: string | undefined;
  /** Sentence over the picture. */
  notice: string | undefined;
  player: PlayerView;
};

/** Plays the media of one address, also those of another server: polls its API and keeps a player. */
export class ElementSession {
  readonly #options: ElementSessionOptions;
  readonly #poll: Poll<LoadedMedia>;
  readonly #closing = new AbortController();
  #media: LoadedMedia | undefined;
  #missing = false;
  #reachable = true;
  #unplayable = false;
  #wanted: boolean;
  #token: string | undefined;
  #capacityError: string | undefined;
  #player: LivePlayer | undefined;
  #playerKey: string | undefined;
  /** Only of a livestream, from the wish to play on. */
  #reporter: QoeReporter | undefined;

  constructor(options: ElementSessionOptions) {
    this.#options = options;
    this.#wanted = options.autoplay;
    this.#poll = new Poll({
      fetch: (signal) => loadMedia(options.source, signal),
      onResult: (result) => {
        this.#missing = result.kind === 'missing';
        this.#reachable = result.kind !== 'failed';
        if (result.kind === 'ok') this.#media = result.value;
        const pace = this.#update();
        options.onChange();
        return pace;
      },
    });
  }

  start(): void {
    const { signal } = this.#closing;
    window.addEventListener('pagehide', () => this.#leave(), { signal });
    if (this.#wanted) this.#startReporter();
    this.#poll.start();
  }

  /** Starts playback, also where it was not wanted or not allowed before; call it from a click handler. */
  play(): void {
    this.#wanted = true;
    this.#startReporter();
    if (this.#player) this.#player.play();
    else this.#update();
    this.#options.onChange();
  }

  snapshot(): ElementSnapshot {
    const { title, poster } = this.#media ?? {};
    const player = this.#player?.view() ?? NO_PLAYER;
    const isHeld = !this.#wanted && this.#sourceOf(this.#media) !== undefined;
    return {
      ...{ state: this.#state(), title, poster },
      notice: isHeld ? undefined : this.#notice(player),
      player: isHeld ? { ...player, phase: 'refused' } : player,
    };
  }

  /** Returns what the controls show and operate; undefined while there is nothing to play. */
  control(view: PlayerView): PlaybackControl | undefined {
    if (view.phase === 'none') return undefined;
    const { video } = this.#options;
    return {
      view,
      stats: () => this.stats(),
      play: () => this.play(),
      chooseQuality: (id) => this.#player?.chooseQuality(id),
      range: () => (this.#media?.recorded && this.#player ? recordedRange(video) : undefined),
      seekTo: (behindS) => {
        video.currentTime = video.duration - behindS;
      },
    };
  }

  stats(): PlayerStats | undefined {
    return this.#player?.stats();
  }

  close(): void {
    this.#closing.abort();
    this.#reporter?.close();
    this.#poll.close();
    this.#closePlayer();
    this.#leave();
  }

  #state(): ElementState {
    if (this.#unplayable) return 'unplayable';
    if (this.#missing) return 'missing';
    if (!this.#media) return 'loading';
    if (this.#media.recorded) return 'recorded';
    const { state } = this.#media;
    if (state.found !== 'yes' || state.state === 'offline' || state.state === 'ending') return 'offline';
    return state.state === 'live' ? 'live' : 'waiting';
  }

  #notice(player: PlayerView): string | undefined {
    if (this.#unplayable) return elementTexts.unplayable;
    if (this.#missing) return elementTexts.missing;
    const { kind } = this.#options.source;
    if (kind !== 'livestream' && this.#media && !this.#media.recorded) return elementTexts.notReady;
    return playbackState(this.#pageState(player)).notice;
  }

  #pageState(player: PlayerView): PageState {
    return {
      stream: this.#media?.state ?? { found: 'unknown' },
      reachable: this.#reachable,
      phase: player.phase,
      audioOnly: player.audioOnly,
      capacityError: this.#capacityError,
      ...(this.#media?.recorded ? { recording: 'chosen' as const } : {}),
    };
  }

  /** Creates or closes the player to match the media. @returns the rate of polling */
  #update(): Pace {
    if (this.#missing) {
      this.#closePlayer();
      return 'never';
    }
    const { player, pace } = playbackState(this.#pageState(this.#player?.view() ?? NO_PLAYER));
    const source = this.#sourceOf(this.#media);
    if (player === 'stop' || (source && this.#playerKey !== undefined && source.key !== this.#playerKey))
      this.#closePlayer();
    if (player === 'start' && source && this.#wanted && this.#playerKey === undefined && !this.#unplayable)
      void this.#startPlayer(source);
    const isFinal = this.#options.source.kind !== 'livestream' && this.#media?.recorded !== undefined;
    return isFinal ? 'never' : pace;
  }

  /** Returns what can be played now. */
  #sourceOf(media: LoadedMedia | undefined): { key: string; hls: string; whep?: string } | undefined {
    if (!media) return undefined;
    if (media.recorded) return media.recorded;
    return media.state.found === 'yes' && media.state.state === 'live' ? media.live : undefined;
  }

  async #startPlayer(source: { key: string; hls: string; whep?: string }): Promise<void> {
    const { video, still, delivery, onChange } = this.#options;
    const isRecording = this.#media?.recorded !== undefined;
    this.#playerKey = source.key;
    if (!isRecording && !(await this.#join())) this.#playerKey = undefined;
    if (this.#closing.signal.aborted || this.#playerKey !== source.key || this.#player) return;
    const { whep } = source;
    this.#player = createPlayer({
      ...{ video, still, url: this.#withToken(source.hls), isRecording, choice: delivery, onChange },
      ...(whep === undefined ? {} : { whepUrl: this.#withToken(whep) }),
      expectsMedia: () => this.#reachable && this.#state() === 'live',
    });
    this.#unplayable = !this.#player;
    this.#player?.start();
    onChange();
  }

  #startReporter(): void {
    const { kind, id: streamId, origin } = this.#options.source;
    if (kind !== 'livestream' || this.#reporter) return;
    this.#reporter = new QoeReporter({
      ...{ streamId, origin, viewerToken: () => this.#token },
      stats: () => (this.#state() === 'live' ? this.#player?.stats() : undefined),
    });
    this.#reporter.start();
  }

  /** Becomes one viewer of the livestream for all protocols. @returns false when it is at capacity */
  async #join(): Promise<boolean> {
    const { id: streamId, origin } = this.#options.source;
    const result = await callApi('POST /api/livestream/:streamId/join', {
      ...{ params: { streamId }, origin, signal: this.#closing.signal },
      body: this.#token === undefined ? {} : { viewerToken: this.#token },
    });
    const isFull = result.kind === 'failed' && result.code === 'viewer_limit_reached';
    this.#capacityError = isFull ? result.message : undefined;
    if (result.kind === 'ok') this.#token = result.value.viewerToken;
    return !isFull;
  }

  /** Reports that the viewer has left; a beacon is sent even while the page unloads. */
  #leave(): void {
    if (this.#token === undefined) return;
    const { id: streamId, origin } = this.#options.source;
    const path = apiPath('POST /api/livestream/:streamId/leave', { streamId });
    navigator.sendBeacon(origin + path, JSON.stringify({ viewerToken: this.#token }));
    this.#token = undefined;
  }

  #withToken(address: string): string {
    const url = new URL(address);
    if (this.#token !== undefined) url.searchParams.set('v', this.#token);
    return url.href;
  }

  #closePlayer(): void {
    this.#player?.close();
    this.#player = undefined;
    this.#playerKey = undefined;
  }
}
