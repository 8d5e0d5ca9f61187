import type Hls from 'hls.js';
import type { ErrorData, HlsConfig, Level, ManifestLoadedData } from 'hls.js';
import workerPath from 'hls.js/dist/hls.worker.js?url';
import { number } from '../locale/format.js';
import { playerTexts } from '../texts/player.js';
import type { LivePlayer, PlayerOptions, PlayerStats, PlayerView, QualityChoice } from './live-player.js';
import { latencyOf, MediaLead } from './playback-latency.js';
import type { PlayerPhase } from './player-phase.js';
import { PLAYER_SETTINGS, RECORDING_SETTINGS, REWIND_SETTINGS } from './player-settings.js';
import { positionOfDate, startingAt } from './rewind-position.js';
import { newSessionId } from './session-id.js';
import { VideoMonitor } from './video-monitor.js';

type HlsModule = typeof import('hls.js');

const TICK_MS = 1_000;
/** Seconds beyond the target latency that count as late; smaller distances hls.js closes by its playback rate. */
const LATE_S = 2.5;
const LATE_TICKS_BEFORE_JUMP = 3;
/** Ticks without a stall after which the second that hls.js adds to its target per stall is taken back. */
const TICKS_WITHOUT_STALL = 30;
const RETRY_MS = { first: 500, last: 5_000 } as const;
const ERRORS_KEPT = 50;
const CMCD_KEYS = ['bl', 'br', 'bs', 'd', 'dl', 'mtp', 'ot', 'pr', 'sf', 'sid', 'st', 'su', 'tb'] as const;

/** Plays HLS by Media Source Extensions with hls.js, which is loaded when the first player starts. */
export class HlsPlayer implements LivePlayer {
  readonly #options: PlayerOptions;
  readonly #monitor: VideoMonitor;
  /** Random, of this playback alone: stays when hls.js is created anew. */
  readonly #sessionId = newSessionId();
  #module: HlsModule | undefined;
  #hls: Hls | undefined;
  #playlistUrl: string;
  #audioUrl: string | undefined;
  #labels: string[] = [];
  #hasVideo = true;
  #chosenId = 'auto';
  #broken = false;
  #closed = false;
  /** Failures since it last played without a stall for `TICKS_WITHOUT_STALL`. */
  #failures = 0;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #tickTimer: ReturnType<typeof setInterval> | undefined;
  #lateTicks = 0;
  #ticksSinceStall = 0;
  #stallsSeen = 0;
  #rebuilds = 0;
  #levelSwitches = 0;
  #errors: string[] = [];
  readonly #lead = new MediaLead();
  /** Where a rewind window plays: where it begins, and after that the newest frame on screen. */
  #dateMs: number | undefined;

  constructor(options: PlayerOptions) {
    this.#options = options;
    this.#playlistUrl = options.url;
    this.#dateMs = options.rewind?.dateMs;
    this.#monitor = new VideoMonitor(options.video, options.still, options.onChange);
    this.#monitor.mutedByBrowser = options.mutedByBrowser ?? false;
  }

  start(): void {
    this.#tickTimer = setInterval(() => this.#ticked(), TICK_MS);
    void this.#createHls();
  }

  view(): PlayerView {
    const playbackTimeMs = this.#playbackTimeMs();
    const latencyS = this.#options.isRecording ? undefined : latencyOf(playbackTimeMs, this.#lead.leadMs);
    return {
      phase: this.#phase(),
      audioOnly: !this.#hasVideo || this.#chosenId === 'audio',
      choices: this.#choices(),
      chosenId: this.#chosenId,
      delivery: 'hls',
      ...(latencyS === undefined ? {} : { latencyS }),
      ...(playbackTimeMs === undefined ? {} : { playbackTimeMs }),
      isLate: this.#isLate(),
      mutedByBrowser: this.#monitor.mutedByBrowser,
    };
  }

  stats(): PlayerStats {
    const { video } = this.#options;
    const quality = video.getVideoPlaybackQuality();
    const { buffered } = video;
    return {
      phase: this.#phase(),
      delivery: 'hls',
      latencyS: this.view().latencyS,
      edgeDistanceS: this.#edgeDistanceS(),
      targetLatencyS: this.#hls?.targetLatency ?? undefined,
      level: this.#labels[this.#hls?.currentLevel ?? -1],
      levels: [...this.#labels],
      levelSwitches: this.#levelSwitches,
      stalls: this.#monitor.stalls,
      stalledMs: Math.round(this.#monitor.stalledMs),
      bufferedS: buffered.length > 0 ? buffered.end(buffered.length - 1) - video.currentTime : 0,
      bitrate: this.#hls?.levels[this.#hls.currentLevel]?.bitrate,
      playbackRate: video.playbackRate,
      droppedFrames: quality.droppedVideoFrames,
      totalFrames: quality.totalVideoFrames,
      rebuilds: this.#rebuilds,
      errors: [...this.#errors],
    };
  }

  chooseQuality(id: string): void {
    if (id === this.#chosenId) return;
    this.#chosenId = id;
    // hls.js drops audio-only variants of a ladder with video, so that one is loaded as a playlist of its own.
    const playlistUrl = id === 'audio' && this.#audioUrl ? this.#audioUrl : this.#options.url;
    if (playlistUrl === this.#playlistUrl) {
      // Effective from the next segment: flushing the buffer would empty the one second it holds.
      if (this.#hls) this.#hls.loadLevel = this.#labels.indexOf(id);
    } else {
      this.#playlistUrl = playlistUrl;
      void this.#createHls();
    }
    this.#options.onChange();
  }

  goLive(): void {
    this.#monitor.followsLive = true;
    this.#jumpToLive();
    this.play();
  }

  seekToDate(dateMs: number): void {
    const segments = this.#hls?.latestLevelDetails?.fragments;
    const position = segments && positionOfDate(segments, dateMs);
    this.#dateMs = dateMs;
    if (position !== undefined) this.#options.video.currentTime = position;
  }

  play(): void {
    void this.#monitor.play();
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#tickTimer);
    clearTimeout(this.#retryTimer);
    this.#monitor.close();
    this.#hls?.destroy();
    this.#hls = undefined;
  }

  /** Creates hls.js anew with the current playlist; the last frame covers the video meanwhile. */
  async #createHls(): Promise<void> {
    clearTimeout(this.#retryTimer);
    try {
      this.#module ??= await import('hls.js');
    } catch (error) {
      this.#recordError(`player could not be loaded: ${String(error)}`);
      this.#retryLater();
      return;
    }
    if (this.#closed) return;
    this.#monitor.holdFrame();
    this.#monitor.sourceReplaced();
    this.#hls?.destroy();
    const { default: HlsClass, Events } = this.#module;
    const config: Partial<HlsConfig> = { ...this.#settings(), ...this.#clientData(), workerPath };
    const hls = new HlsClass(config);
    this.#hls = hls;
    hls.on(Events.MANIFEST_LOADED, (_, data) => this.#manifestLoaded(data));
    hls.on(Events.MANIFEST_PARSED, () => this.#manifestParsed(hls));
    hls.on(Events.LEVEL_UPDATED, (_, { details }) => {
      const { edge, fragmentHint, fragments } = details;
      const last = fragmentHint ?? fragments.at(-1);
      if (details.live && last?.programDateTime)
        this.#lead.playlistLoaded(last.programDateTime + (edge - last.start) * 1_000);
    });
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
    hls.loadSource(
      this.#dateMs === undefined ? this.#playlistUrl : startingAt(this.#playlistUrl, this.#dateMs),
    );
    hls.attachMedia(this.#options.video);
    this.#options.onChange();
  }

  /**
   * Common Media Client Data (CTA-5004), with an id of the playback and none of viewer and content. In headers, so that
   * the addresses stay cacheable; to other sites they would need a preflight request for each address.
   */
  #clientData(): Partial<HlsConfig> {
    if (new URL(this.#options.url, location.href).origin !== location.origin) return {};
    return {
      cmcd: { sessionId: this.#sessionId, useHeaders: true, includeKeys: [...CMCD_KEYS] },
    };
  }

  #settings(): Partial<HlsConfig> {
    if (this.#options.isRecording) return RECORDING_SETTINGS;
    return this.#options.rewind ? REWIND_SETTINGS : PLAYER_SETTINGS;
  }

  #manifestLoaded(data: ManifestLoadedData): void {
    if (this.#playlistUrl !== this.#options.url) return;
    const hasVideo = (level: { videoCodec?: string; height?: number }): boolean =>
      level.videoCodec !== undefined || (level.height ?? 0) > 0;
    this.#hasVideo = data.levels.length === 0 || data.levels.some(hasVideo);
    this.#audioUrl = this.#hasVideo ? data.levels.find((level) => !hasVideo(level))?.url : undefined;
  }

  #manifestParsed(hls: Hls): void {
    if (this.#playlistUrl === this.#options.url) {
      this.#labels = labelsOf(hls.levels);
      const level = this.#labels.indexOf(this.#chosenId);
      if (level >= 0) hls.startLevel = hls.loadLevel = level;
      else this.#chosenId = 'auto';
    }
    this.play();
    this.#options.onChange();
  }

  #failed(hls: Hls, data: ErrorData): void {
    if (hls !== this.#hls) return;
    const status = data.response?.code ? ` ${data.response.code}` : '';
    this.#recordError(
      `${data.fatal ? 'fatal ' : ''}${data.details}${status}: ${data.reason ?? data.error.message}`,
    );
    if (!data.fatal || !this.#module) return;
    if (this.#options.rewind && hls.levels.length === 0 && data.response?.code === 404) {
      this.#options.rewind.onMissing();
      return;
    }
    this.#broken = true;
    const first = this.#failures === 0;
    const { ErrorTypes } = this.#module;
    if (first && data.type === ErrorTypes.MEDIA_ERROR) {
      this.#failures += 1;
      this.#monitor.holdFrame();
      hls.recoverMediaError();
      this.play();
    } else this.#retryLater(first && data.type === ErrorTypes.NETWORK_ERROR && hls.levels.length > 0);
    this.#options.onChange();
  }

  /** Retries with back-off: `resume` loads on and keeps the buffer, else hls.js is created anew. */
  #retryLater(resume = false): void {
    const delayMs =
      Math.min(RETRY_MS.last, RETRY_MS.first * 2 ** this.#failures) * (0.8 + 0.4 * Math.random());
    this.#failures += 1;
    this.#broken = true;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => {
      if (resume && this.#hls) {
        this.#hls.startLoad(-1);
        return;
      }
      this.#rebuilds += 1;
      void this.#createHls();
    }, delayMs);
  }

  #ticked(): void {
    const playing = this.#monitor.phase() === 'playing';
    if (playing) this.#dateMs = this.#hls?.playingDate?.getTime() ?? this.#dateMs;
    this.#lateTicks = playing && this.#monitor.followsLive && this.#isLate() ? this.#lateTicks + 1 : 0;
    if (this.#lateTicks >= LATE_TICKS_BEFORE_JUMP) {
      this.#lateTicks = 0;
      this.#jumpToLive();
    }
    this.#ticksSinceStall =
      playing && this.#monitor.stalls === this.#stallsSeen ? this.#ticksSinceStall + 1 : 0;
    this.#stallsSeen = this.#monitor.stalls;
    if (this.#ticksSinceStall >= TICKS_WITHOUT_STALL) this.#resetTargetLatency();
    this.#options.onChange();
  }

  #resetTargetLatency(): void {
    this.#ticksSinceStall = 0;
    this.#failures = 0;
    const details = this.#hls?.latestLevelDetails;
    const targetS = details ? details.partHoldBack || details.holdBack : 0;
    if (this.#hls && targetS > 0 && (this.#hls.targetLatency ?? 0) > targetS)
      this.#hls.targetLatency = targetS;
  }

  #jumpToLive(): void {
    const position = this.#hls?.liveSyncPosition;
    if (position === undefined || position === null) return;
    this.#options.video.currentTime = position;
    this.#recordError(`jumped to the live edge from ${this.#edgeDistanceS()?.toFixed(1)} s behind`);
  }

  #phase(): PlayerPhase {
    const phase = this.#monitor.phase();
    return this.#broken && (phase === 'waiting' || phase === 'loading' || phase === 'ended')
      ? 'broken'
      : phase;
  }

  #playbackTimeMs(): number | undefined {
    return this.#hls?.playingDate?.getTime();
  }

  #edgeDistanceS(): number | undefined {
    // hls.js measures the distance to the end of a recording too.
    const distanceS = this.#options.isRecording ? undefined : this.#hls?.latency;
    return distanceS !== undefined && distanceS > 0 ? distanceS : undefined;
  }

  #isLate(): boolean {
    if (this.#options.rewind) return false;
    const targetS = this.#hls?.targetLatency;
    const distanceS = this.#edgeDistanceS();
    return (
      targetS !== undefined && targetS !== null && distanceS !== undefined && distanceS > targetS + LATE_S
    );
  }

  #choices(): QualityChoice[] {
    if (this.#labels.length === 0) return [];
    const playing = this.#labels[this.#hls?.currentLevel ?? -1];
    const auto = this.#chosenId === 'auto' && playing ? `${playerTexts.auto} (${playing})` : playerTexts.auto;
    return [
      { id: 'auto', label: auto },
      ...this.#labels.map((label) => ({ id: label, label })).reverse(),
      ...(this.#audioUrl ? [{ id: 'audio', label: playerTexts.audioOnly }] : []),
    ];
  }

  #recordError(error: string): void {
    this.#errors.push(error);
    if (this.#errors.length > ERRORS_KEPT) this.#errors.shift();
  }
}

/**
 * Returns labels such as `720p` or `720p60`, with the bit rate where two would be equal. Empty when no level has video.
 */
function labelsOf(levels: readonly Level[]): string[] {
  const names = levels.map(({ height, frameRate }) =>
    height > 0 ? `${height}p${frameRate > 45 ? Math.round(frameRate) : ''}` : playerTexts.audioOnly,
  );
  if (names.every((name) => name === playerTexts.audioOnly)) return [];
  return names.map((name, index) =>
    names.indexOf(name) === names.lastIndexOf(name)
      ? name
      : `${name} ${number((levels[index]?.bitrate ?? 0) / 1_000_000, 1)} Mbit/s`,
  );
}
