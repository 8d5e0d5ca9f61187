import { RTP_HEADER_BYTES, type SourceInfo } from '../../../media/index.js';
import type { Clock } from '../../../platform/index.js';
import type { MediaSource } from './media-source.js';
import type { PausedLayers } from './paused-layers.js';

type SourceDescription = Pick<SourceInfo, 'video' | 'audio'>;

/** Interval of descriptions when only rates have changed, ms. */
const REPEAT_MS = 5000;
const CHECK_MS = 500;
/** Time for which audio waits for video at the start, ms, and video for audio. */
const VIDEO_WAIT_MS = 5000;
const AUDIO_WAIT_MS = 1000;
const OPUS_SAMPLE_RATE = 48_000;
/** Stereo bit of an Opus TOC byte (RFC 6716 section 3.1). */
const OPUS_STEREO = 0x04;
/** Relative difference of frame rates that counts as equal. */
const FRAME_RATE_TOLERANCE = 0.2;

export type SourceWatchOptions = {
  mediaSource: MediaSource;
  clock: Clock;
  signal: AbortSignal;
  pausedLayers: Pick<PausedLayers, 'isSlateShown' | 'isSlateExpected'>;
  sourceDescribed(found: SourceDescription): void;
  /** Called when media start, a missing kind starts, or video stops while audio continues. */
  mediaStarted(startedAt: number, has: { audio: boolean; video: boolean }): void;
};

/** Detects what a publisher sends, and when it starts. */
export class SourceWatch {
  readonly #mediaSource: MediaSource;
  readonly #clock: Clock;
  readonly #pausedLayers: SourceWatchOptions['pausedLayers'];
  readonly #sourceDescribed: SourceWatchOptions['sourceDescribed'];
  readonly #mediaStarted: SourceWatchOptions['mediaStarted'];
  readonly #signal: AbortSignal;
  readonly #firstAt: { audio?: number; video?: number } = {};
  #has = { audio: false, video: false };
  /** Video was active and has stopped. */
  #videoStopped = false;
  #lastDescription: SourceDescription = {};
  #lastDescribedAt = Number.NEGATIVE_INFINITY;

  constructor(options: SourceWatchOptions) {
    const { mediaSource, clock, signal } = options;
    this.#mediaSource = mediaSource;
    this.#clock = clock;
    this.#signal = signal;
    this.#pausedLayers = options.pausedLayers;
    this.#sourceDescribed = options.sourceDescribed;
    this.#mediaStarted = options.mediaStarted;
    for (const layer of mediaSource.allLayers)
      layer.onRandomAccess = () => this.#randomAccessReached(layer.kind);
    clock.every(CHECK_MS, () => this.#check(), signal);
  }

  #randomAccessReached(kind: 'audio' | 'video'): void {
    if (kind === 'video' && this.#videoStopped) this.#videoActiveChanged(true);
    if (this.#firstAt[kind] !== undefined) return;
    this.#firstAt[kind] = this.#clock.now();
    const other = kind === 'audio' ? 'video' : 'audio';
    const expected =
      other === 'audio' ? this.#mediaSource.format.audio : this.#mediaSource.format.video !== undefined;
    if (!expected || this.#firstAt[other] !== undefined) {
      this.#reportStart();
      return;
    }
    const waitMs = kind === 'audio' ? VIDEO_WAIT_MS : AUDIO_WAIT_MS;
    this.#clock.after(waitMs, () => this.#reportStart(), this.#signal);
  }

  #reportStart(): void {
    const video = this.#firstAt.video !== undefined && !this.#videoStopped;
    const has = { audio: this.#firstAt.audio !== undefined, video };
    if (has.audio === this.#has.audio && has.video === this.#has.video) return;
    this.#has = has;
    this.#check();
    this.#mediaStarted(this.#firstAt.video ?? this.#firstAt.audio ?? this.#clock.now(), has);
  }

  /** Reports that video has stopped, so that audio continues without it, and that it is back. */
  #checkVideo(now: number): void {
    const active = this.#mediaSource.activeLayers(now);
    if (this.#pausedLayers.isSlateExpected) return;
    if (this.#has.video && this.#has.audio && active.length === 0) this.#videoActiveChanged(false);
    // Video may resume within a group of pictures.
    else if (this.#videoStopped) for (const layer of active) layer.requestKeyframe();
  }

  #videoActiveChanged(video: boolean): void {
    this.#videoStopped = !video;
    this.#has = { ...this.#has, video };
    this.#mediaStarted(this.#clock.now(), this.#has);
  }

  #check(): void {
    const now = this.#clock.monotonic();
    this.#checkVideo(now);
    // A slate does not describe the source.
    if (this.#pausedLayers.isSlateShown) return;
    const found = this.#describe(now);
    if (!found.video && !found.audio) return;
    if (isSame(found, this.#lastDescription) && now - this.#lastDescribedAt < REPEAT_MS) return;
    this.#lastDescription = found;
    this.#lastDescribedAt = now;
    this.#sourceDescribed(found);
  }

  #describe(now: number): SourceDescription {
    const found: SourceDescription = {};
    const { video } = this.#mediaSource.format;
    const best = this.#mediaSource.activeLayers(now).at(-1);
    if (video && best) {
      const frameRate = Math.round(best.meter.frameRate(now));
      const bitrate = Math.round(best.meter.bitrate(now));
      const keyframeInterval = best.meter.keyframeIntervalS();
      found.video = {
        codec: video.codec,
        ...(best.size ?? {}),
        ...(frameRate > 0 ? { frameRate } : {}),
        ...(bitrate > 0 ? { bitrate } : {}),
        ...(keyframeInterval === undefined ? {} : { keyframeInterval }),
        bFrames: false,
      };
    }
    const { audio } = this.#mediaSource;
    const slot = audio ? audio.ring.slotOf(audio.head) : -1;
    if (audio && slot >= 0) {
      const first = audio.ring.packets[slot]![RTP_HEADER_BYTES];
      const bitrate = Math.round(audio.meter.bitrate(now));
      found.audio = {
        codec: 'opus',
        sampleRate: OPUS_SAMPLE_RATE,
        channels: first !== undefined && (first & OPUS_STEREO) === 0 ? 1 : 2,
        ...(bitrate > 0 ? { bitrate } : {}),
      };
    }
    return found;
  }
}

/** Compares descriptions; small changes of rates are ignored. */
function isSame(a: SourceDescription, b: SourceDescription): boolean {
  const rateA = a.video?.frameRate ?? 0;
  const rateB = b.video?.frameRate ?? 0;
  return (
    a.video?.codec === b.video?.codec &&
    a.video?.width === b.video?.width &&
    a.video?.height === b.video?.height &&
    Math.abs(rateA - rateB) <= FRAME_RATE_TOLERANCE * Math.max(rateA, rateB) &&
    a.audio?.codec === b.audio?.codec &&
    a.audio?.channels === b.audio?.channels
  );
}
