import { type FetchResult, fetchStream, type Stream } from '../api/api-client.js';
import { Poll } from '../api/poll.js';
import type { Pace } from '../api/poll-delay.js';
import { serverClock } from '../api/server-clock.js';
import type { ClipEnd } from '../clips/clip-button.js';
import { withTexts } from '../locale/language.js';
import { recordedRange } from '../player/controls/playback-control.js';
import type { createPlayer } from '../player/create-player.js';
import type { DeliveryChoice } from '../player/delivery.js';
import { drawHeldFrame } from '../player/held-frame.js';
import { type LivePlayer, NO_PLAYER, type PlayerStats, type PlayerView } from '../player/live-player.js';
import { type Preview, Previews } from '../player/previews.js';
import { LIVE_REACH_S, type RewindRange } from '../player/rewind-position.js';
import { watchTexts } from '../texts/watch.js';
import type { WatchStats } from './console-surface.js';
import { onPageOrigin } from './page-origin.js';
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
  /** The viewer may start the recording. */
  offersRecording: boolean;
  /** The viewer has left the live edge. */
  isRewinding: boolean;
  /** The recording that is played. */
  recordingId: string | undefined;
};

const unplayableState = (): PlaybackState => ({
  badge: { tone: 'quiet', text: watchTexts.badgeUnsupported },
  notice: watchTexts.unplayable,
  player: 'stop',
  pace: 'never',
});

/** Time after which the code of the players is requested again, ms. */
const LOAD_RETRY_MS = 2_000;
const RECORDING_PATH = /\/recordings\/([0-9a-f-]{36})\/index\.m3u8$/;

/** Watches one stream: polls the API and keeps a player while the stream is live, or on its recording. */
export class WatchSession {
  readonly #options: WatchSessionOptions;
  readonly #poll: Poll<{ stream: Stream }>;
  #stream: Stream | undefined;
  #missing = false;
  #reachable = true;
  #unplayable = false;
  #player: LivePlayer | undefined;
  #deliveryChoice: DeliveryChoice = 'auto';
  /** The broadcast (`startedAt`) or recording (path) that the player was created for. */
  #playerSource: string | null | undefined;
  /** Date from which the player plays the rewind window, Unix ms; undefined: it plays the live edge. */
  #rewindDateMs: number | undefined;
  /** False after a broadcast was watched: its recording is offered then, not started. */
  #recordingChosen = true;
  readonly #previews: Previews;
  /** The last player was muted by the browser's autoplay policy. */
  #mutedByBrowser = false;
  #lastPhase: PageState['phase'] = 'none';
  /** Undefined until the code of the players is loaded. */
  #createPlayer: typeof createPlayer | undefined;
  /** Undefined until the token is resolved; its value is undefined when none is issued. */
  #token: { value: string | undefined } | undefined;
  readonly #listeners = new AbortController();
  #closed = false;

  constructor(options: WatchSessionOptions) {
    this.#options = options;
    this.#previews = new Previews(options.onChange);
    this.#poll = new Poll({
      fetch: (signal) => fetchStream(options.streamId, signal),
      onResult: (result) => this.#streamFetched(result),
    });
  }

  start(): void {
    void serverClock.measure();
    this.#poll.start();
    const { signal } = this.#listeners;
    for (const name of ['online', 'offline'])
      window.addEventListener(name, () => this.#connectivityChanged(), { signal });
    void this.#options.viewerToken().then((value) => {
      this.#token = { value };
      this.#prepared();
    });
    void this.#loadPlayers();
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
      state: this.#unplayable ? unplayableState() : playbackState(this.#pageState()),
      player,
      offersRecording:
        this.#recordingPath() !== undefined &&
        (player.phase === 'none' || player.phase === 'ended') &&
        (!this.#recordingChosen || player.phase === 'ended'),
      isRewinding: this.#rewindDateMs !== undefined,
      recordingId: this.#playedRecordingId(),
    };
  }

  /** Plays the recording from its start. */
  watchRecording(): void {
    this.#closePlayer();
    this.#recordingChosen = true;
    this.#ensurePlayer();
    this.#options.onChange();
  }

  stats(): WatchStats {
    const state = this.#missing ? 'missing' : (this.#stream?.state.name ?? 'unknown');
    return { state: this.#reachable ? state : 'unreachable', ...this.#player?.stats() };
  }

  playerStats(): PlayerStats | undefined {
    return this.#player?.stats();
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
    if (this.#rewindDateMs === undefined) {
      this.#player?.goLive();
      return;
    }
    this.#switchTo(undefined);
  }

  /** Returns the window in which the viewer can seek; undefined while there is none. */
  rewindRange(): RewindRange | undefined {
    const recorded = this.#recordedRange();
    if (recorded) return recorded;
    const stream = this.#stream;
    const { rewind } = stream?.playback ?? {};
    if (!rewind || !stream?.startedAt || stream.status !== 'live' || !this.#player) return undefined;
    const nowMs = serverClock.now();
    const lengthS = Math.min(rewind.windowS, Math.max(0, nowMs - Date.parse(stream.startedAt)) / 1_000);
    const isRewinding = this.#rewindDateMs !== undefined;
    const playbackTimeMs = this.#player.view().playbackTimeMs ?? this.#rewindDateMs ?? nowMs;
    return { lengthS, behindS: Math.max(0, nowMs - playbackTimeMs) / 1_000, isRewinding, isRecording: false };
  }

  /** Returns the picture of a moment, if it is known. @param behindS distance from the live edge, s */
  previewAt(behindS: number): Preview | undefined {
    if (!this.#token) return undefined;
    const { value: token } = this.#token;
    const recorded = this.#recordedRange();
    const path = this.#recordingPath();
    if (recorded && path !== undefined) {
      const url = onPageOrigin(path.replace(/index\.m3u8$/, 'sprites.vtt'), token);
      return this.#previews.at(url, { positionS: recorded.lengthS - behindS });
    }
    const { rewind } = this.#stream?.playback ?? {};
    if (!rewind) return undefined;
    const url = onPageOrigin(rewind.sprites, token);
    return this.#previews.at(url, { dateMs: serverClock.now() - behindS * 1_000 });
  }

  /** Returns the whole recording while the player plays it. */
  #recordedRange(): RewindRange | undefined {
    if (!this.#player || this.#playerSource !== this.#recordingPath()) return undefined;
    return recordedRange(this.#options.video);
  }

  #playedRecordingId(): string | undefined {
    const path = this.#recordingPath();
    if (!this.#player || path === undefined || this.#playerSource !== path) return undefined;
    return RECORDING_PATH.exec(path)?.[1];
  }

  /** Plays from a distance behind the live edge or the end of the recording, s; a small one is the live edge. */
  rewindTo(behindS: number): void {
    const recorded = this.#recordedRange();
    if (recorded) {
      this.#options.video.currentTime = recorded.lengthS - behindS;
      return;
    }
    if (behindS < LIVE_REACH_S) {
      this.goLive();
      return;
    }
    const dateMs = serverClock.now() - behindS * 1_000;
    if (this.#rewindDateMs !== undefined && this.#player?.seekToDate) this.#player.seekToDate(dateMs);
    else this.#switchTo(dateMs);
    this.#options.onChange();
  }

  /**
   * Media time of the frame on screen, for the chat: -Infinity until the player tells it; undefined while the viewer
   * rewinds or watches a recording, as the chat stays live.
   */
  chatTimeMs(): number | undefined {
    const isLive = this.#rewindDateMs === undefined && this.#playedRecordingId() === undefined;
    const view = isLive ? this.#player?.view() : undefined;
    return view?.playbackTimeMs ?? (view?.phase === 'loading' ? Number.NEGATIVE_INFINITY : undefined);
  }

  /** Returns the frame on screen, as the end of a clip; undefined while there is none. */
  clipEnd(): ClipEnd | undefined {
    if (!this.#player) return undefined;
    const recordingId = this.#playedRecordingId();
    if (recordingId !== undefined) return { recordingId, endS: this.#options.video.currentTime };
    return { endMs: this.#player.view().playbackTimeMs ?? serverClock.now() };
  }

  play(): void {
    this.#player?.play();
  }

  close(): void {
    this.#closed = true;
    this.#listeners.abort();
    this.#poll.close();
    this.#closePlayer();
  }

  /** Loads the code of the players, which is not part of the page; tried again until it is there. */
  async #loadPlayers(): Promise<void> {
    try {
      ({ createPlayer: this.#createPlayer } = await withTexts(import('../player/create-player.js')));
      this.#prepared();
    } catch {
      if (!this.#closed) setTimeout(() => void this.#loadPlayers(), LOAD_RETRY_MS);
    }
  }

  #prepared(): void {
    if (this.#closed) return;
    if (playbackState(this.#pageState()).player === 'start') this.#ensurePlayer();
    this.#options.onChange();
  }

  #connectivityChanged(): void {
    this.#poll.fetchNow();
    this.#options.onChange();
  }

  #pageState(): PageState {
    const view = this.#player?.view() ?? NO_PLAYER;
    const stream = this.#stream;
    return {
      stream: this.#missing
        ? { found: 'missing' }
        : stream
          ? {
              ...{ found: 'yes', status: stream.status, state: stream.state.name },
              scheduledAt: stream.scheduledAt,
            }
          : { found: 'unknown' },
      reachable: this.#reachable,
      online: navigator.onLine,
      phase: view.phase,
      audioOnly: view.audioOnly,
      capacityError: this.#options.capacityError(),
      recording:
        this.#recordingPath() === undefined ? undefined : this.#recordingChosen ? 'chosen' : 'offered',
    };
  }

  /** Path of the recording on this server, of a livestream that has ended. */
  #recordingPath(): string | undefined {
    const stream = this.#stream;
    if (stream?.status !== 'ended' || stream.state.name !== 'offline' || stream.recordingUrl === null)
      return undefined;
    const { pathname } = new URL(stream.recordingUrl, location.href);
    return RECORDING_PATH.test(pathname) ? pathname : undefined;
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
  #ensurePlayer(rewindDateMs?: number): void {
    const stream = this.#stream;
    if (!stream || !this.#token || !this.#createPlayer) return;
    const { value: token } = this.#token;
    const recording = this.#recordingPath();
    const source = recording ?? stream.startedAt;
    // A broadcast may have begun anew; a recording stays at its end.
    const hasEnded = recording === undefined && this.#player?.view().phase === 'ended';
    if (this.#player && !hasEnded && this.#playerSource === source) return;
    this.#closePlayer();
    this.#playerSource = source;
    const rewindUrl = recording === undefined && rewindDateMs !== undefined && stream.playback.rewind?.hls;
    this.#rewindDateMs = rewindUrl ? rewindDateMs : undefined;
    if (recording === undefined) this.#recordingChosen = false;
    const { hls } = stream.playback;
    const whep = recording === undefined && !rewindUrl ? stream.playback.whep : undefined;
    this.#player = this.#createPlayer({
      video: this.#options.video,
      still: this.#options.still,
      url: onPageOrigin(recording ?? (rewindUrl || hls), token),
      ...(whep === undefined ? {} : { whepUrl: onPageOrigin(whep, token) }),
      isRecording: recording !== undefined,
      ...(rewindUrl && rewindDateMs !== undefined
        ? { rewind: { dateMs: rewindDateMs, onMissing: () => this.goLive() } }
        : {}),
      choice: this.#deliveryChoice,
      mutedByBrowser: this.#mutedByBrowser,
      expectsMedia: () => this.#reachable && (recording !== undefined || this.#stream?.state.name === 'live'),
      onChange: () => this.#playerChanged(),
    });
    this.#unplayable = !this.#player;
    this.#player?.start();
  }

  /** Plays the rewind window from a date, or the live edge; the last frame covers the video meanwhile. */
  #switchTo(rewindDateMs: number | undefined): void {
    const { video, still } = this.#options;
    const isHolding = drawHeldFrame(video, still);
    this.#closePlayer();
    still.hidden = !isHolding;
    this.#ensurePlayer(rewindDateMs);
    this.#options.onChange();
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
    if (this.#player) this.#mutedByBrowser = this.#player.view().mutedByBrowser;
    this.#player?.close();
    this.#player = undefined;
    this.#rewindDateMs = undefined;
    this.#lastPhase = 'none';
  }
}
