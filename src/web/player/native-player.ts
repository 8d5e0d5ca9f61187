import type { LivePlayer, PlayerOptions, PlayerStats, PlayerView } from './live-player.js';
import { VideoWatch } from './video-monitor.js';

const RETRY_MS = { first: 500, last: 5_000 } as const;

/** Plays where the browser speaks HLS itself and offers no Media Source Extensions (Safari on older iPhones). */
export class NativePlayer implements LivePlayer {
  readonly #options: PlayerOptions;
  readonly #watch: VideoWatch;
  readonly #listening = new AbortController();
  #failures = 0;
  #broken = false;
  #rebuilds = 0;
  #errors: string[] = [];
  #retry: ReturnType<typeof setTimeout> | undefined;

  constructor(options: PlayerOptions) {
    this.#options = options;
    this.#watch = new VideoWatch(options.video, options.still, options.onChange);
    this.#watch.silenced = options.silenced ?? false;
  }

  start(): void {
    const { video } = this.#options;
    const { signal } = this.#listening;
    video.addEventListener('error', () => this.#failed(), { signal });
    video.addEventListener(
      'playing',
      () => {
        this.#failures = 0;
        this.#broken = false;
      },
      { signal },
    );
    this.#load();
  }

  view(): PlayerView {
    const phase = this.#watch.phase();
    return {
      phase: this.#broken && phase !== 'playing' ? 'broken' : phase,
      audioOnly: phase === 'playing' && this.#options.video.videoWidth === 0,
      choices: [],
      chosen: 'auto',
      delivery: 'hls',
      late: !this.#watch.following,
      silenced: this.#watch.silenced,
    };
  }

  stats(): PlayerStats {
    const { video } = this.#options;
    return {
      phase: this.view().phase,
      delivery: 'hls',
      latency: undefined,
      targetLatency: undefined,
      level: video.videoHeight > 0 ? `${video.videoHeight}p` : undefined,
      levels: [],
      levelSwitches: 0,
      stalls: this.#watch.stalls,
      stalledMs: Math.round(this.#watch.stalledMs),
      buffered:
        video.buffered.length > 0 ? video.buffered.end(video.buffered.length - 1) - video.currentTime : 0,
      playbackRate: video.playbackRate,
      droppedFrames: video.getVideoPlaybackQuality().droppedVideoFrames,
      totalFrames: video.getVideoPlaybackQuality().totalVideoFrames,
      rebuilds: this.#rebuilds,
      errors: [...this.#errors],
    };
  }

  choose(): void {}

  goLive(): void {
    const { video } = this.#options;
    this.#watch.following = true;
    if (video.seekable.length > 0) video.currentTime = video.seekable.end(video.seekable.length - 1);
    this.play();
  }

  play(): void {
    void this.#watch.play();
  }

  close(): void {
    this.#listening.abort();
    clearTimeout(this.#retry);
    this.#watch.close();
    this.#options.video.removeAttribute('src');
    this.#options.video.load();
  }

  #load(): void {
    this.#watch.holdPicture();
    this.#watch.restart();
    this.#options.video.src = this.#options.url;
    this.play();
  }

  #failed(): void {
    this.#broken = true;
    const { error } = this.#options.video;
    this.#errors = [...this.#errors, `media error ${error?.code ?? 0}: ${error?.message ?? ''}`].slice(-50);
    const delay = Math.min(RETRY_MS.last, RETRY_MS.first * 2 ** this.#failures) * (0.8 + 0.4 * Math.random());
    this.#failures += 1;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      this.#rebuilds += 1;
      this.#load();
    }, delay);
    this.#options.onChange();
  }
}
