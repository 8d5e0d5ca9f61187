import { type Answer, type Stream, streamById } from '../api/api-client.js';
import { Poll } from '../api/poll.js';
import { createPlayer } from '../player/create-player.js';
import type { DeliveryChoice } from '../player/delivery.js';
import { type LivePlayer, NO_PLAYER, type PlayerView } from '../player/live-player.js';
import type { WatchStats } from './console-surface.js';
import { type Pace, type PageFacts, type PlaybackState, playbackState } from './playback-state.js';

export type ViewingOptions = {
  streamId: string;
  video: HTMLVideoElement;
  still: HTMLCanvasElement;
  /** By which the server knows this tab, so that it counts once however it watches; undefined where none is to be had. */
  viewerToken: () => Promise<string | undefined>;
  /** Why it is not to be had at the moment, in a sentence. */
  refusal: () => string | undefined;
  /** The server answers after it did not. */
  onBack: () => void;
  onChange: () => void;
};

export type ViewingSnapshot = {
  stream: Stream | undefined;
  /** There is no such stream, or it is not for us. */
  missing: boolean;
  state: PlaybackState;
  player: PlayerView;
};

const UNPLAYABLE: PlaybackState = {
  badge: { tone: 'quiet', text: 'Unsupported' },
  notice: 'This browser cannot play live video (it knows neither Media Source Extensions nor HLS).',
  player: 'stop',
  pace: 'never',
};

/** One person watching one stream: asks the API, keeps a player while there is something to play. */
export class Viewing {
  readonly #options: ViewingOptions;
  readonly #poll: Poll<{ stream: Stream }>;
  #stream: Stream | undefined;
  #missing = false;
  #reachable = true;
  #unplayable = false;
  #player: LivePlayer | undefined;
  #choice: DeliveryChoice = 'auto';
  /** Start of the broadcast that the player was made for. */
  #playing: Stream['startedAt'] | undefined;
  #phase: PageFacts['phase'] = 'none';
  /** Set when the server has been asked; undefined in it: there is none. */
  #token: { value: string | undefined } | undefined;
  #over = false;

  constructor(options: ViewingOptions) {
    this.#options = options;
    this.#poll = new Poll({
      ask: (signal) => streamById(options.streamId, signal),
      answered: (answer) => this.#answered(answer),
    });
  }

  start(): void {
    this.#poll.start();
    void this.#options.viewerToken().then((value) => {
      this.#token = { value };
      if (this.#over) return;
      if (playbackState(this.#facts()).player === 'start') this.#ensurePlayer();
      this.#options.onChange();
    });
  }

  /** There are news of the stream: asks for them at once. */
  refresh(): void {
    this.#poll.now();
  }

  snapshot(): ViewingSnapshot {
    const player = this.#player?.view() ?? NO_PLAYER;
    return {
      stream: this.#stream,
      missing: this.#missing,
      state: this.#unplayable ? UNPLAYABLE : playbackState(this.#facts()),
      player,
    };
  }

  stats(): WatchStats {
    const state = this.#missing ? 'missing' : (this.#stream?.state.name ?? 'unknown');
    return { state: this.#reachable ? state : 'unreachable', ...this.#player?.stats() };
  }

  choose(id: string): void {
    this.#player?.choose(id);
  }

  /** Of delivery; kept from one broadcast to the next. */
  chooseDelivery(choice: DeliveryChoice): void {
    this.#choice = choice;
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
    this.#over = true;
    this.#poll.close();
    this.#stop();
  }

  #facts(): PageFacts {
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
      refusal: this.#options.refusal(),
    };
  }

  #answered(answer: Answer<{ stream: Stream }>): Pace {
    if (answer.kind !== 'failed' && !this.#reachable) this.#options.onBack();
    this.#reachable = answer.kind !== 'failed';
    this.#missing = answer.kind === 'missing';
    if (answer.kind === 'ok') this.#stream = answer.value.stream;
    const { player, pace } = playbackState(this.#facts());
    if (player === 'stop') this.#stop();
    if (player === 'start') this.#ensurePlayer();
    this.#options.onChange();
    return this.#unplayable ? 'never' : pace;
  }

  /** Only an answer of the API starts a player, so that a finished one is not started over on old news. */
  #ensurePlayer(): void {
    const stream = this.#stream;
    if (!stream || !this.#token) return;
    const { value: token } = this.#token;
    const finished = this.#player?.view().phase === 'ended' || this.#playing !== stream.startedAt;
    if (this.#player && !finished) return;
    const silenced = this.#player?.view().silenced ?? false;
    this.#stop();
    this.#playing = stream.startedAt;
    const { hls, whep } = stream.playback;
    this.#player = createPlayer({
      video: this.#options.video,
      still: this.#options.still,
      url: onThisServer(hls, token),
      ...(whep === undefined ? {} : { whepUrl: onThisServer(whep, token) }),
      choice: this.#choice,
      silenced,
      expectsMedia: () => this.#reachable && this.#stream?.state.name === 'live',
      onChange: () => this.#playerChanged(),
    });
    this.#unplayable = !this.#player;
    this.#player?.start();
  }

  #playerChanged(): void {
    const phase = this.#player?.view().phase ?? 'none';
    const troubled = phase === 'ended' || phase === 'broken' || phase === 'waiting';
    // Trouble is often news about the stream: don't wait for the next turn.
    if (phase !== this.#phase && troubled) this.#poll.now();
    this.#phase = phase;
    this.#options.onChange();
  }

  #stop(): void {
    this.#player?.close();
    this.#player = undefined;
    this.#phase = 'none';
  }
}

/** The same server as this page, whatever name it is known by elsewhere. */
function onThisServer(address: string, token: string | undefined): string {
  const url = new URL(new URL(address, location.href).pathname, location.origin);
  if (token !== undefined) url.searchParams.set('v', token);
  return url.href;
}
