import type { ApiResult } from '../api/api-client.js';
import { type PlaybackControl, recordedRange } from '../player/controls/playback-control.js';
import { createPlayer } from '../player/create-player.js';
import { type LivePlayer, NO_PLAYER, type PlayerView } from '../player/live-player.js';
import { type Preview, Previews } from '../player/previews.js';
import type { RewindRange } from '../player/rewind-position.js';
import { mediaTexts } from '../texts/media.js';
import { onPageOrigin } from './page-origin.js';
import { type PlaybackState, playbackState } from './playback-state.js';

/** Recording or uploaded video; `playback` is null until it is ready. */
export type PlayedMedia = { playback: { hls: string; sprites: string } | null };

export type RecordingSessionOptions<Media extends PlayedMedia> = {
  fetch: (signal: AbortSignal) => Promise<ApiResult<Media>>;
  /** Message in the place of the picture: there is none at this address, or it is not ready. */
  noticeOf: (media: Media | undefined) => string;
  video: HTMLVideoElement;
  still: HTMLCanvasElement;
  onChange: () => void;
};

export type RecordingSnapshot<Media extends PlayedMedia> = {
  recording: Media | undefined;
  /** True when the API knows no such recording, or none for this viewer. */
  missing: boolean;
  /** Message over the video. */
  notice: string | undefined;
  player: PlayerView;
};

const RETRY_MS = 5_000;
/** Name of the viewer token in the URIs of a private recording's playlists. */
const TOKEN = /\?v=([\w-]+)/;

/** Plays one recording that has ended, or one uploaded video. */
export class RecordingSession<Media extends PlayedMedia> {
  readonly #options: RecordingSessionOptions<Media>;
  readonly #closing = new AbortController();
  readonly #previews: Previews;
  #recording: Media | undefined;
  #missing = false;
  #reachable = true;
  #unplayable = false;
  /** Viewer token of a private recording. */
  #token: string | undefined;
  #player: LivePlayer | undefined;

  constructor(options: RecordingSessionOptions<Media>) {
    this.#options = options;
    this.#previews = new Previews(options.onChange);
  }

  start(): void {
    void this.#load();
  }

  snapshot(): RecordingSnapshot<Media> {
    const player = this.#player?.view() ?? NO_PLAYER;
    return { recording: this.#recording, missing: this.#missing, notice: this.#notice(player), player };
  }

  control(view: PlayerView): PlaybackControl {
    const { video } = this.#options;
    return {
      view,
      stats: () => this.#player?.stats(),
      play: () => this.#player?.play(),
      chooseQuality: (id) => this.#player?.chooseQuality(id),
      range: () => this.#range(),
      previewAt: (behindS) => this.#previewAt(behindS),
      seekTo: (behindS) => {
        video.currentTime = video.duration - behindS;
      },
    };
  }

  close(): void {
    this.#closing.abort();
    this.#player?.close();
    this.#player = undefined;
  }

  #range(): RewindRange | undefined {
    return this.#player && recordedRange(this.#options.video);
  }

  #previewAt(behindS: number): Preview | undefined {
    const range = this.#range();
    const sprites = this.#recording?.playback?.sprites;
    if (!range || !sprites) return undefined;
    return this.#previews.at(onPageOrigin(sprites, this.#token), { positionS: range.lengthS - behindS });
  }

  #notice(player: PlayerView): string | undefined {
    if (this.#unplayable) return mediaTexts.recordingUnplayable;
    const isUnready = this.#recording !== undefined && !this.#recording.playback;
    if (this.#missing || isUnready) return this.#options.noticeOf(this.#recording);
    const state: PlaybackState = playbackState({
      stream: this.#recording ? { found: 'yes', status: 'ended', state: 'offline' } : { found: 'unknown' },
      reachable: this.#reachable,
      phase: player.phase,
      audioOnly: player.audioOnly,
      recording: 'chosen',
    });
    return state.notice;
  }

  async #load(): Promise<void> {
    const { onChange } = this.#options;
    const { signal } = this.#closing;
    const result = await this.#options.fetch(signal);
    if (signal.aborted) return;
    // The API refuses a malformed id with 400; to a viewer that is the same as an unknown id.
    this.#missing = result.kind === 'failed' && (result.status === 404 || result.status === 400);
    this.#reachable = result.kind === 'ok' || this.#missing;
    if (result.kind === 'ok') {
      this.#recording = result.value;
      if (this.#recording.playback) await this.#startPlayer(this.#recording.playback.hls);
    }
    onChange();
    if (!this.#player && !this.#missing && !this.#unplayable && !signal.aborted)
      setTimeout(() => void this.#load(), RETRY_MS);
  }

  /** The first playlist of a private recording tells the token, which players cannot show by a cookie. */
  async #startPlayer(address: string): Promise<void> {
    const { video, still, onChange } = this.#options;
    const { signal } = this.#closing;
    const answer = await fetch(onPageOrigin(address, undefined), { signal }).catch(() => undefined);
    const playlist = answer?.ok ? await answer.text().catch(() => undefined) : undefined;
    if (playlist === undefined || signal.aborted) return;
    this.#token = TOKEN.exec(playlist)?.[1];
    this.#player = createPlayer({
      ...{ video, still, url: onPageOrigin(address, this.#token) },
      isRecording: true,
      choice: 'hls',
      expectsMedia: () => true,
      onChange,
    });
    this.#unplayable = !this.#player;
    this.#player?.start();
  }
}
