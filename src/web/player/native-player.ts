import type { LivePlayer, PlayerOptions, PlayerStats, PlayerView } from './live-player.js';
import { latencyOf } from './playback-latency.js';
import { startingAt } from './rewind-position.js';
import { VideoMonitor } from './video-monitor.js';

const RETRY_MS = { first: 500, last: 5_000 } as const;

/** Plays HLS by the browser itself, where Media Source Extensions are missing (Safari on older iPhones). */
export class NativePlayer implements LivePlayer {
  readonly #options: PlayerOptions;
  readonly #monitor: VideoMonitor;
  readonly #listeners = new AbortController();
  #failures = 0;
  #broken = false;
  #rebuilds = 0;
  #errors: string[] = [];
  #retryTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: PlayerOptions) {
    this.#options = options;
    this.#monitor = new VideoMonitor(options.video, options.still, options.onChange);
    this.#monitor.mutedByBrowser = options.mutedByBrowser ?? false;
  }

  start(): void {
    const { video } = this.#options;
    const { signal } = this.#listeners;
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
    const phase = this.#monitor.phase();
    const playbackTimeMs = this.#playbackTimeMs();
    const latencyS = this.#options.isRecording ? undefined : latencyOf(playbackTimeMs);
    return {
      phase: this.#broken && phase !== 'playing' ? 'broken' : phase,
      audioOnly: phase === 'playing' && this.#options.video.videoWidth === 0,
      choices: [],
      chosenId: 'auto',
      delivery: 'hls',
      isLate: !this.#options.isRecording && !this.#options.rewind && !this.#monitor.followsLive,
      ...(latencyS === undefined ? {} : { latencyS }),
      ...(playbackTimeMs === undefined ? {} : { playbackTimeMs }),
      mutedByBrowser: this.#monitor.mutedByBrowser,
    };
  }

  stats(): PlayerStats {
    const { video } = this.#options;
    return {
      phase: this.view().phase,
      delivery: 'hls',
      latencyS: this.view().latencyS,
      edgeDistanceS: undefined,
      targetLatencyS: undefined,
      level: video.videoHeight > 0 ? `${video.videoHeight}p` : undefined,
      levels: [],
      levelSwitches: 0,
      stalls: this.#monitor.stalls,
      stalledMs: Math.round(this.#monitor.stalledMs),
      bufferedS:
        video.buffered.length > 0 ? video.buffered.end(video.buffered.length - 1) - video.currentTime : 0,
      bitrate: undefined,
      playbackRate: video.playbackRate,
      droppedFrames: video.getVideoPlaybackQuality().droppedVideoFrames,
      totalFrames: video.getVideoPlaybackQuality().totalVideoFrames,
      rebuilds: this.#rebuilds,
      errors: [...this.#errors],
    };
  }

  chooseQuality(): void {}

  goLive(): void {
    const { video } = this.#options;
    this.#monitor.followsLive = true;
    if (video.seekable.length > 0) video.currentTime = video.seekable.end(video.seekable.length - 1);
    this.play();
  }

  seekToDate(dateMs: number): void {
    const startMs = this.#startMs();
    if (startMs !== undefined) this.#options.video.currentTime = Math.max(0, dateMs - startMs) / 1_000;
  }

  play(): void {
    void this.#monitor.play();
  }

  close(): void {
    this.#listeners.abort();
    clearTimeout(this.#retryTimer);
    this.#monitor.close();
    this.#options.video.removeAttribute('src');
    this.#options.video.load();
  }

  /** Date of the media element's position 0, which Safari tells. */
  #startMs(): number | undefined {
    const video: HTMLVideoElement & { getStartDate?: () => Date } = this.#options.video;
    const startMs = video.getStartDate?.().getTime() ?? Number.NaN;
    return Number.isFinite(startMs) ? startMs : undefined;
  }

  #playbackTimeMs(): number | undefined {
    const startMs = this.#startMs();
    return startMs === undefined ? undefined : startMs + this.#options.video.currentTime * 1_000;
  }

  #load(): void {
    this.#monitor.holdFrame();
    this.#monitor.sourceReplaced();
    const { url, rewind } = this.#options;
    this.#options.video.src = rewind ? startingAt(url, rewind.dateMs) : url;
    this.play();
  }

  #failed(): void {
    this.#broken = true;
    const { error } = this.#options.video;
    this.#errors = [...this.#errors, `media error ${error?.code ?? 0}: ${error?.message ?? ''}`].slice(-50);
    const delayMs =
      Math.min(RETRY_MS.last, RETRY_MS.first * 2 ** this.#failures) * (0.8 + 0.4 * Math.random());
    this.#failures += 1;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => {
      this.#rebuilds += 1;
      this.#load();
    }, delayMs);
    this.#options.onChange();
  }
}
