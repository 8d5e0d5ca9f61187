import { RTP_HEADER_BYTES, type SourceInfo } from '../../../media/index.js';
import type { Clock } from '../../../platform/index.js';
import type { MediaSource } from './media-source.js';

type SourceDescription = Pick<SourceInfo, 'video' | 'audio'>;

/** ms between two descriptions when nothing has changed but rates. */
const REPEAT_MS = 5000;
const LOOK_MS = 500;
/** How long sound and picture wait for each other at the beginning. */
const PICTURE_WAIT_MS = 5000;
const SOUND_WAIT_MS = 1000;
const OPUS_RATE = 48_000;
/** The stereo bit of an Opus packet's first byte (RFC 6716 section 3.1). */
const OPUS_STEREO = 0x04;
/** A frame rate that differs by less is the same. */
const SAME_RATE = 0.2;

export type SourceWatchOptions = {
  mediaSource: MediaSource;
  clock: Clock;
  signal: AbortSignal;
  described(found: SourceDescription): void;
  /** The media have begun; a kind has come that was missing, or the picture has stopped while sound goes on. */
  began(startedAt: number, has: { audio: boolean; video: boolean }): void;
};

/** Finds out what a publisher sends, and when it begins. */
export class SourceWatch {
  readonly #mediaSource: MediaSource;
  readonly #clock: Clock;
  readonly #described: SourceWatchOptions['described'];
  readonly #began: SourceWatchOptions['began'];
  readonly #signal: AbortSignal;
  readonly #firstAt: { audio?: number; video?: number } = {};
  #has = { audio: false, video: false };
  /** There was a picture, and there is none at the moment. */
  #stopped = false;
  #said: SourceDescription = {};
  #saidAt = Number.NEGATIVE_INFINITY;

  constructor(options: SourceWatchOptions) {
    const { mediaSource, clock, signal } = options;
    this.#mediaSource = mediaSource;
    this.#clock = clock;
    this.#signal = signal;
    this.#described = options.described;
    this.#began = options.began;
    for (const layer of mediaSource.all) layer.onStart = () => this.#started(layer.kind);
    clock.every(LOOK_MS, () => this.#look(), signal);
  }

  #started(kind: 'audio' | 'video'): void {
    if (kind === 'video' && this.#stopped) this.#continue(true);
    if (this.#firstAt[kind] !== undefined) return;
    this.#firstAt[kind] = this.#clock.now();
    const other = kind === 'audio' ? 'video' : 'audio';
    const expected =
      other === 'audio' ? this.#mediaSource.format.audio : this.#mediaSource.format.video !== undefined;
    if (!expected || this.#firstAt[other] !== undefined) {
      this.#begin();
      return;
    }
    const wait = kind === 'audio' ? PICTURE_WAIT_MS : SOUND_WAIT_MS;
    this.#clock.after(wait, () => this.#begin(), this.#signal);
  }

  #begin(): void {
    const video = this.#firstAt.video !== undefined && !this.#stopped;
    const has = { audio: this.#firstAt.audio !== undefined, video };
    if (has.audio === this.#has.audio && has.video === this.#has.video) return;
    this.#has = has;
    this.#look();
    this.#began(this.#firstAt.video ?? this.#firstAt.audio ?? this.#clock.now(), has);
  }

  /** Who waits for a picture that was taken away waits in vain: sound goes on without it, and with it when it is back. */
  #watchPicture(now: number): void {
    const active = this.#mediaSource.activeLayers(now);
    if (this.#has.video && this.#has.audio && active.length === 0) this.#continue(false);
    // It may be back in the middle of a group of pictures.
    else if (this.#stopped) for (const layer of active) layer.requestKeyframe();
  }

  #continue(video: boolean): void {
    this.#stopped = !video;
    this.#has = { ...this.#has, video };
    this.#began(this.#clock.now(), this.#has);
  }

  #look(): void {
    const now = this.#clock.monotonic();
    this.#watchPicture(now);
    const found = this.#find(now);
    if (!found.video && !found.audio) return;
    if (isSame(found, this.#said) && now - this.#saidAt < REPEAT_MS) return;
    this.#said = found;
    this.#saidAt = now;
    this.#described(found);
  }

  #find(now: number): SourceDescription {
    const found: SourceDescription = {};
    const { video } = this.#mediaSource.format;
    const best = this.#mediaSource.activeLayers(now).at(-1);
    if (video && best) {
      const frameRate = Math.round(best.meter.frameRate(now));
      const bitrate = Math.round(best.meter.bitrate(now));
      const keyframeInterval = best.meter.keyframeInterval();
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
        sampleRate: OPUS_RATE,
        channels: first !== undefined && (first & OPUS_STEREO) === 0 ? 1 : 2,
        ...(bitrate > 0 ? { bitrate } : {}),
      };
    }
    return found;
  }
}

/** Rates wander; sizes, codecs and what there is at all do not. */
function isSame(a: SourceDescription, b: SourceDescription): boolean {
  const rateA = a.video?.frameRate ?? 0;
  const rateB = b.video?.frameRate ?? 0;
  return (
    a.video?.codec === b.video?.codec &&
    a.video?.width === b.video?.width &&
    a.video?.height === b.video?.height &&
    Math.abs(rateA - rateB) <= SAME_RATE * Math.max(rateA, rateB) &&
    a.audio?.codec === b.audio?.codec &&
    a.audio?.channels === b.audio?.channels
  );
}
