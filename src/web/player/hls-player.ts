import type Hls from 'hls.js';
import type { ErrorData, HlsConfig, Level, ManifestLoadedData } from 'hls.js';
import workerPath from 'hls.js/dist/hls.worker.js?url';
import type { PlayerPhase } from '../pages/playback-state.js';
import type { Choice, LivePlayer, PlayerOptions, PlayerStats, PlayerView } from './live-player.js';
import { PLAYER_SETTINGS } from './player-settings.js';
import { VideoWatch } from './video-monitor.js';

type HlsModule = typeof import('hls.js');

const TICK_MS = 1_000;
/** Seconds beyond the aim that count as late; hls.js itself catches up smaller distances by playing faster. */
const LATE = 2.5;
const LATE_TICKS_BEFORE_JUMP = 3;
/** After so many calm ticks the second that hls.js adds to its aim for each stall is taken back. */
const CALM_TICKS = 30;
const RETRY_MS = { first: 500, last: 5_000 } as const;
const ERRORS_KEPT = 50;

/** Plays through Media Source Extensions by hls.js, which is loaded when the first player starts. */
export class HlsPlayer implements LivePlayer {
  readonly #options: PlayerOptions;
  readonly #watch: VideoWatch;
  #module: HlsModule | undefined;
  #hls: Hls | undefined;
  #source: string;
  #audioUrl: string | undefined;
  #labels: string[] = [];
  #pictures = true;
  #chosen = 'auto';
  #broken = false;
  #closed = false;
  /** Failures since it last played for a while. */
  #failures = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #tick: ReturnType<typeof setInterval> | undefined;
  #lateTicks = 0;
  #calmTicks = 0;
  #stallsSeen = 0;
  #rebuilds = 0;
  #levelSwitches = 0;
  #errors: string[] = [];

  constructor(options: PlayerOptions) {
    this.#options = options;
    this.#source = options.url;
    this.#watch = new VideoWatch(options.video, options.still, options.onChange);
    this.#watch.silenced = options.silenced ?? false;
  }

  start(): void {
    this.#tick = setInterval(() => this.#everySecond(), TICK_MS);
    void this.#build();
  }

  view(): PlayerView {
    const behind = this.#latency();
    const pictureDate = this.#hls?.playingDate?.getTime();
    return {
      phase: this.#phase(),
      audioOnly: !this.#pictures || this.#chosen === 'audio',
      choices: this.#choices(),
      chosen: this.#chosen,
      delivery: 'hls',
      ...(behind === undefined ? {} : { behind }),
      ...(pictureDate === undefined ? {} : { pictureDate }),
      late: this.#isLate(),
      silenced: this.#watch.silenced,
    };
  }

  stats(): PlayerStats {
    const { video } = this.#options;
    const quality = video.getVideoPlaybackQuality();
    const { buffered } = video;
    return {
      phase: this.#phase(),
      delivery: 'hls',
      latency: this.#latency(),
      targetLatency: this.#hls?.targetLatency ?? undefined,
      level: this.#labels[this.#hls?.currentLevel ?? -1],
      levels: [...this.#labels],
      levelSwitches: this.#levelSwitches,
      stalls: this.#watch.stalls,
      stalledMs: Math.round(this.#watch.stalledMs),
      buffered: buffered.length > 0 ? buffered.end(buffered.length - 1) - video.currentTime : 0,
      playbackRate: video.playbackRate,
      droppedFrames: quality.droppedVideoFrames,
      totalFrames: quality.totalVideoFrames,
      rebuilds: this.#rebuilds,
      errors: [...this.#errors],
    };
  }

  choose(id: string): void {
    if (id === this.#chosen) return;
    this.#chosen = id;
    // hls.js leaves audio-only variants out of a ladder with pictures, so that one is played as a source of its own.
    const source = id === 'audio' && this.#audioUrl ? this.#audioUrl : this.#options.url;
    if (source === this.#source) {
      // From the next segment on: to flush what is buffered would empty the second there is.
      if (this.#hls) this.#hls.loadLevel = this.#labels.indexOf(id);
    } else {
      this.#source = source;
      void this.#build();
    }
    this.#options.onChange();
  }

  goLive(): void {
    this.#watch.following = true;
    this.#jumpToLive();
    this.play();
  }

  play(): void {
    void this.#watch.play();
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#tick);
    clearTimeout(this.#retry);
    this.#watch.close();
    this.#hls?.destroy();
    this.#hls = undefined;
  }

  /** Starts from nothing with the present source; the last picture stays in view meanwhile. */
  async #build(): Promise<void> {
    clearTimeout(this.#retry);
    try {
      this.#module ??= await import('hls.js');
    } catch (error) {
      this.#note(`player could not be loaded: ${String(error)}`);
      this.#tryAgain();
      return;
    }
    if (this.#closed) return;
    this.#watch.holdPicture();
    this.#watch.restart();
    this.#hls?.destroy();
    const { default: HlsClass, Events } = this.#module;
    const config: Partial<HlsConfig> = { ...PLAYER_SETTINGS, workerPath };
    const hls = new HlsClass(config);
    this.#hls = hls;
    hls.on(Events.MANIFEST_LOADED, (_, data) => this.#manifestLoaded(data));
    hls.on(Events.MANIFEST_PARSED, () => this.#manifestParsed(hls));
    hls.on(Events.LEVELS_UPDATED, (_, data) => {
      this.#labels = labelsOf(data.levels);
    });
    hls.on(Events.LEVEL_SWITCHED, () => {
      this.#levelSwitches += 1;
      this.#options.onChange();
    });
    hls.on(Events.FRAG_BUFFERED, () => {
      this.#broken = false;
    });
    hls.on(Events.ERROR, (_, data) => this.#failed(hls, data));
    hls.loadSource(this.#source);
    hls.attachMedia(this.#options.video);
    this.#options.onChange();
  }

  #manifestLoaded(data: ManifestLoadedData): void {
    if (this.#source !== this.#options.url) return;
    const hasPicture = (level: { videoCodec?: string; height?: number }): boolean =>
      level.videoCodec !== undefined || (level.height ?? 0) > 0;
    this.#pictures = data.levels.length === 0 || data.levels.some(hasPicture);
    this.#audioUrl = this.#pictures ? data.levels.find((level) => !hasPicture(level))?.url : undefined;
  }

  #manifestParsed(hls: Hls): void {
    if (this.#source === this.#options.url) {
      this.#labels = labelsOf(hls.levels);
      const level = this.#labels.indexOf(this.#chosen);
      if (level >= 0) hls.startLevel = hls.loadLevel = level;
      else this.#chosen = 'auto';
    }
    this.play();
    this.#options.onChange();
  }

  #failed(hls: Hls, data: ErrorData): void {
    if (hls !== this.#hls) return;
    const status = data.response?.code ? ` ${data.response.code}` : '';
    this.#note(`${data.fatal ? 'fatal ' : ''}${data.details}${status}: ${data.reason ?? data.error.message}`);
    if (!data.fatal || !this.#module) return;
    this.#broken = true;
    const first = this.#failures === 0;
    const { ErrorTypes } = this.#module;
    if (first && data.type === ErrorTypes.MEDIA_ERROR) {
      this.#failures += 1;
      this.#watch.holdPicture();
      hls.recoverMediaError();
      this.play();
    } else this.#tryAgain(first && data.type === ErrorTypes.NETWORK_ERROR && hls.levels.length > 0);
    this.#options.onChange();
  }

  /** Again after a while: by loading on where it stopped (what is buffered stays), or from nothing. */
  #tryAgain(loadOn = false): void {
    const delay = Math.min(RETRY_MS.last, RETRY_MS.first * 2 ** this.#failures) * (0.8 + 0.4 * Math.random());
    this.#failures += 1;
    this.#broken = true;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      if (loadOn && this.#hls) {
        this.#hls.startLoad(-1);
        return;
      }
      this.#rebuilds += 1;
      void this.#build();
    }, delay);
  }

  #everySecond(): void {
    const playing = this.#watch.phase() === 'playing';
    this.#lateTicks = playing && this.#watch.following && this.#isLate() ? this.#lateTicks + 1 : 0;
    if (this.#lateTicks >= LATE_TICKS_BEFORE_JUMP) {
      this.#lateTicks = 0;
      this.#jumpToLive();
    }
    this.#calmTicks = playing && this.#watch.stalls === this.#stallsSeen ? this.#calmTicks + 1 : 0;
    this.#stallsSeen = this.#watch.stalls;
    if (this.#calmTicks >= CALM_TICKS) this.#calm();
    this.#options.onChange();
  }

  #calm(): void {
    this.#calmTicks = 0;
    this.#failures = 0;
    const details = this.#hls?.latestLevelDetails;
    const aim = details ? details.partHoldBack || details.holdBack : 0;
    if (this.#hls && aim > 0 && (this.#hls.targetLatency ?? 0) > aim) this.#hls.targetLatency = aim;
  }

  #jumpToLive(): void {
    const position = this.#hls?.liveSyncPosition;
    if (position === undefined || position === null) return;
    this.#options.video.currentTime = position;
    this.#note(`jumped to the live edge from ${this.#latency()?.toFixed(1)} s behind`);
  }

  #phase(): PlayerPhase {
    const phase = this.#watch.phase();
    return this.#broken && (phase === 'waiting' || phase === 'loading' || phase === 'ended')
      ? 'broken'
      : phase;
  }

  #latency(): number | undefined {
    const latency = this.#hls?.latency;
    return latency !== undefined && latency > 0 ? latency : undefined;
  }

  #isLate(): boolean {
    const aim = this.#hls?.targetLatency;
    const latency = this.#latency();
    return aim !== undefined && aim !== null && latency !== undefined && latency > aim + LATE;
  }

  #choices(): Choice[] {
    if (this.#labels.length === 0) return [];
    const playing = this.#labels[this.#hls?.currentLevel ?? -1];
    const auto = this.#chosen === 'auto' && playing ? `Auto (${playing})` : 'Auto';
    return [
      { id: 'auto', label: auto },
      ...this.#labels.map((label) => ({ id: label, label })).reverse(),
      ...(this.#audioUrl ? [{ id: 'audio', label: 'Audio only' }] : []),
    ];
  }

  #note(error: string): void {
    this.#errors.push(error);
    if (this.#errors.length > ERRORS_KEPT) this.#errors.shift();
  }
}

/** `720p`, `720p60`; with the bit rate where two would read the same. Empty where nothing has a picture. */
function labelsOf(levels: readonly Level[]): string[] {
  const names = levels.map(({ height, frameRate }) =>
    height > 0 ? `${height}p${frameRate > 45 ? Math.round(frameRate) : ''}` : 'Audio only',
  );
  if (names.every((name) => name === 'Audio only')) return [];
  return names.map((name, index) =>
    names.indexOf(name) === names.lastIndexOf(name)
      ? name
      : `${name} ${((levels[index]?.bitrate ?? 0) / 1_000_000).toFixed(1)} Mbit/s`,
  );
}
