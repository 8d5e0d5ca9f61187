import { AAC_FRAME_SAMPLES, silentAacFrame, type TrackInit, writeTrackInit } from '../../media/index.js';
import type { EncoderRunWriter } from '../../streams/index.js';
import { AUDIO_SAMPLE_RATE, VIDEO_TIMESCALE } from '../ffmpeg/ffmpeg-arguments.js';
import type { Slate, SlateRequest } from './slate.js';

/** Sample flags (ISO/IEC 14496-12, 8.8.3.1). */
const SYNC_FLAGS = 0x0200_0000;
const NON_SYNC_FLAGS = 0x0101_0000;
/** AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1): AAC-LC, then 4 bits of sampling frequency index and 4 of channels. */
const AAC_LC = 2 << 11;
/** Hz by sampling frequency index (ISO/IEC 14496-3, table 1.18). */
const SAMPLE_RATES = [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000];

type Writer = Pick<EncoderRunWriter, 'startCopy' | 'sample'>;

/** Writes the pictures of a slate to all its renditions, in turn, at the times of the run. */
export class SlateVideo {
  readonly #writer: Writer;
  readonly #slate: Slate;
  readonly #startTicks: number;
  readonly #pictureTicks: number;
  /** Pictures written. */
  #count = 0;

  /** @param startMs presentation time of the first picture */
  constructor(
    writer: Writer,
    slate: Slate,
    { picturesPerSegment, segmentDurationS }: SlateRequest,
    startMs: number,
  ) {
    this.#writer = writer;
    this.#slate = slate;
    this.#startTicks = Math.round((startMs * VIDEO_TIMESCALE) / 1000);
    this.#pictureTicks = (segmentDurationS * VIDEO_TIMESCALE) / picturesPerSegment;
    for (const [id, { init }] of slate) if (init) writer.startCopy(id, init);
  }

  /** Presentation time at which the written pictures end, ms. */
  get endMs(): number {
    return (this.#ticksOf(this.#count) * 1000) / VIDEO_TIMESCALE;
  }

  /** Writes all pictures that end before a presentation time. @throws when a reader of the run refuses them */
  advance(untilMs: number): void {
    const until = (untilMs * VIDEO_TIMESCALE) / 1000;
    for (let next = this.#ticksOf(this.#count + 1); next <= until; next = this.#ticksOf(this.#count + 1))
      this.#write(next);
  }

  /** Writes pictures up to a presentation time: the last one is shorter if needed. @throws as `advance` */
  finish(untilMs: number): void {
    this.advance(untilMs);
    const until = Math.round((untilMs * VIDEO_TIMESCALE) / 1000);
    if (until > this.#ticksOf(this.#count)) this.#write(until);
  }

  #ticksOf(index: number): number {
    return this.#startTicks + Math.round(index * this.#pictureTicks);
  }

  #write(end: number): void {
    const decodeTime = this.#ticksOf(this.#count);
    for (const [id, { pictures }] of this.#slate) {
      const { data, sync } = pictures[this.#count % pictures.length]!;
      const flags = sync ? SYNC_FLAGS : NON_SYNC_FLAGS;
      // A new object for each reader's changes; the data are shared.
      const duration = end - decodeTime;
      this.#writer.sample(id, { decodeTime, duration, compositionOffset: 0, flags, sync, data });
    }
    this.#count++;
  }
}

/** Writes silence (AAC-LC) to an audio rendition. */
export class SilentAudio {
  readonly #writer: Writer;
  readonly #id: string;
  readonly #frame: Buffer;
  readonly #sampleRate: number;
  /** Decode time of the next frame, samples. */
  #next: number;

  /**
   * @param audio sample rate of what it replaces, Hz; undefined: that of encoded audio
   * @param startMs media time of the first frame
   */
  constructor(
    writer: Writer,
    { id, channels, sampleRate }: { id: string; channels: 1 | 2; sampleRate: number | undefined },
    startMs: number,
  ) {
    this.#writer = writer;
    this.#id = id;
    this.#frame = silentAacFrame(channels)!;
    this.#sampleRate =
      sampleRate !== undefined && SAMPLE_RATES.includes(sampleRate) ? sampleRate : AUDIO_SAMPLE_RATE;
    this.#next = Math.round((startMs * this.#sampleRate) / 1000);
    writer.startCopy(id, silenceInit(channels, this.#sampleRate));
  }

  /** Writes all frames that begin before a media time. @throws when a reader of the run refuses them */
  advance(untilMs: number): void {
    const until = (untilMs * this.#sampleRate) / 1000;
    for (; this.#next < until; this.#next += AAC_FRAME_SAMPLES)
      this.#writer.sample(this.#id, {
        ...{ decodeTime: this.#next, duration: AAC_FRAME_SAMPLES, compositionOffset: 0 },
        ...{ flags: SYNC_FLAGS, sync: true, data: this.#frame },
      });
  }
}

function silenceInit(channels: 1 | 2, sampleRate: number): TrackInit {
  const configuration = Buffer.alloc(2);
  configuration.writeUInt16BE(AAC_LC | (SAMPLE_RATES.indexOf(sampleRate) << 7) | (channels << 3));
  return writeTrackInit({ kind: 'audio', timescale: sampleRate, configuration, sampleRate, channels });
}
