import {
  AAC_FRAME_SAMPLES,
  type FlvTag,
  readAacConfiguration,
  readH264Configuration,
  type Sample,
  silentAacFrame,
  writeTrackInit,
} from '../../media/index.js';
import type { EncoderRunWriter } from '../../streams/index.js';

/** Ticks per second of copied video; FLV timestamps are milliseconds. */
const VIDEO_TIMESCALE = 90_000;
const TICKS_PER_MS = VIDEO_TIMESCALE / 1000;
/** Offsets of the codec's data in tag bodies (Flash Video File Format 10.1, annexes E.4.2.1 and E.4.3.1). */
const AVC_DATA_OFFSET = 5;
const AAC_DATA_OFFSET = 2;
const COMPOSITION_TIME_OFFSET = 2;
/** Bound of a composition time in either direction, ms: 16 reordered frames of 1 s, and segments follow it. */
const MAXIMUM_COMPOSITION_MS = 16_000;
/** Maximum delay of the first frame to its presentation: 16 reordered frames at 30 per second. */
const MAXIMUM_SQUEEZED_TICKS = 533 * TICKS_PER_MS;
/** Sample flags (ISO/IEC 14496-12, 8.8.3.1). */
const SYNC_FLAGS = 0x0200_0000;
const NON_SYNC_FLAGS = 0x0101_0000;
/** Duration of the last frame when there is no other, ms. */
const DEFAULT_FRAME_MS = 33;
/** Deviation of one timestamp from the sample count that is a gap or a repetition, s. */
const AUDIO_JUMP_S = 0.1;
/** Deviations are averaged over about so many frames, so that jitter is no drift. */
const DRIFT_FRAMES = 64;
/** Maximum silence for one gap, s. */
const MAXIMUM_SILENCE_S = 30;
/**
 * Time without audio tags, in video time, after which audio is missing and filled with silence up to `SILENCE_LAG_MS`
 * before the video. Audio that still comes doubles the first: the publisher sends it in bursts.
 */
const AUDIO_MISSING_MS = { initial: 500, maximum: 4_000 } as const;
const SILENCE_LAG_MS = 300;

const AAC_LC = 2;
/** Above it browsers resample, below it a frame is too long to end parts near those of the video. */
const COPIED_SAMPLE_RATE = { min: 16_000, max: 48_000 } as const;

/** Whether H.264 can be copied: its configuration can be read. */
export function isCopyableAvc(header: FlvTag | undefined): boolean {
  return header !== undefined && readH264Configuration(header.body.subarray(AVC_DATA_OFFSET)) !== undefined;
}

/** Whether AAC can be copied: AAC-LC, mono or stereo, 1024 samples a frame (frameLengthFlag 0). */
export function isCopyableAac(header: FlvTag | undefined): boolean {
  const bytes = header?.body.subarray(AAC_DATA_OFFSET);
  const configuration = bytes && readAacConfiguration(bytes);
  if (!configuration || configuration.objectType !== AAC_LC || bytes.length < 2) return false;
  const { sampleRate } = configuration;
  if (sampleRate < COPIED_SAMPLE_RATE.min || sampleRate > COPIED_SAMPLE_RATE.max) return false;
  const explicitRate = ((bytes[0]! & 0x07) << 1) | (bytes[1]! >> 7);
  const isShortFrame = ((bytes[1]! >> 2) & 1) === 1;
  return explicitRate !== 0x0f && !isShortFrame && silentAacFrame((bytes[1]! >> 3) & 0x0f) !== undefined;
}

export type CopiedTracksOptions = {
  /** Ids of the copied renditions and the tags with their configurations. */
  video: { id: string; header: FlvTag } | undefined;
  audio: { id: string; header: FlvTag } | undefined;
  /** Added to tag timestamps to give media time, ms. */
  offset: number;
};

/** Turns the tags of copied renditions into the samples of an encoder run, without ffmpeg. */
export class CopiedTracks {
  readonly #video: CopiedVideo | undefined;
  readonly #audio: CopiedAudio | undefined;

  /** @throws when a configuration cannot be read */
  constructor(writer: EncoderRunWriter, { video, audio, offset }: CopiedTracksOptions) {
    if (video) this.#video = new CopiedVideo(writer, video.id, video.header, offset);
    if (audio) this.#audio = new CopiedAudio(writer, audio.id, audio.header, offset);
  }

  /** @throws when a reader of the run refuses the sample */
  write(tag: FlvTag): void {
    if (tag.header || tag.kind === 'script') return;
    if (tag.kind === 'audio') this.#audio?.write(tag);
    else {
      this.#video?.write(tag);
      this.#audio?.videoAdvanced(tag.timestamp);
    }
  }

  /** Begins audio at this time: what is missing from it on is filled. */
  beginAudio(timestampMs: number): void {
    this.#audio?.begin(timestampMs);
  }

  /** Keeps audio beside video that is written elsewhere. @throws as `write` */
  videoAdvanced(timestampMs: number): void {
    this.#audio?.videoAdvanced(timestampMs);
  }

  /** Writes the last frame, whose duration was not known yet. */
  end(): void {
    this.#video?.end();
  }
}

class CopiedVideo {
  readonly #writer: EncoderRunWriter;
  readonly #id: string;
  readonly #offset: number;
  /** Frame whose duration is known with the next one. */
  #frame: Sample | undefined;
  #durationTicks = DEFAULT_FRAME_MS * TICKS_PER_MS;
  /** Decode time that the newest frame has in the source. */
  #lastDts = 0;
  /** The newest frame is the first. */
  #isFirst = true;

  constructor(writer: EncoderRunWriter, id: string, header: FlvTag, offset: number) {
    this.#writer = writer;
    this.#id = id;
    this.#offset = offset;
    const configuration = header.body.subarray(AVC_DATA_OFFSET);
    const read = readH264Configuration(configuration);
    if (!read) throw new Error('the H.264 configuration cannot be read');
    const { width, height, pixelAspect } = read;
    const timescale = VIDEO_TIMESCALE;
    const init = { kind: 'video', timescale, configuration, width, height, pixelAspect } as const;
    writer.startCopy(id, writeTrackInit(init));
  }

  write(tag: FlvTag): void {
    if (tag.body.length <= AVC_DATA_OFFSET) return;
    const compositionMs = tag.body.readIntBE(COMPOSITION_TIME_OFFSET, 3);
    const boundedMs = Math.min(Math.max(compositionMs, -MAXIMUM_COMPOSITION_MS), MAXIMUM_COMPOSITION_MS);
    const dts = (tag.timestamp + this.#offset) * TICKS_PER_MS;
    const pts = dts + boundedMs * TICKS_PER_MS;
    const previous = this.#frame;
    // Frames of one timestamp follow each other by the smallest step of the input.
    const decodeTime = previous
      ? Math.max(dts, this.#earliest(previous, dts))
      : Math.max(dts, Math.min(pts, dts + MAXIMUM_SQUEEZED_TICKS));
    this.#lastDts = dts;
    if (previous) {
      this.#durationTicks = decodeTime - previous.decodeTime;
      this.#emit(previous);
    }
    const leadingTicks = previous ? 0 : decodeTime - dts;
    this.#frame = {
      decodeTime,
      duration: 0,
      ...(leadingTicks > 0 ? { leadingTicks } : {}),
      compositionOffset: pts - decodeTime,
      flags: tag.keyframe ? SYNC_FLAGS : NON_SYNC_FLAGS,
      sync: tag.keyframe,
      data: tag.body.subarray(AVC_DATA_OFFSET),
    };
  }

  /**
   * Returns the earliest decode time of a frame after another one. The first frame of a run is decoded when it is
   * presented, and frames that should have been decoded before follow it shortly before the next presentation: hls.js 1.7 maps
   * the first decode time of a run to the end of presentation of the run before, and Chromium stops at the hole.
   */
  #earliest(previous: Sample, dts: number): number {
    const delay = previous.decodeTime - this.#lastDts;
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    if (!isFirst || delay <= 0) return previous.decodeTime + TICKS_PER_MS;
    const step = dts - this.#lastDts;
    const count = Math.ceil(delay / Math.max(step, TICKS_PER_MS)) + 1;
    const squeezed = step - count * TICKS_PER_MS;
    return previous.decodeTime + Math.round(Math.max(squeezed, step / 2, TICKS_PER_MS));
  }

  end(): void {
    const last = this.#frame;
    this.#frame = undefined;
    if (last) this.#emit(last);
  }

  #emit(frame: Sample): void {
    frame.duration = this.#durationTicks;
    this.#writer.sample(this.#id, frame);
  }
}

/**
 * Copies AAC by sample count: FLV timestamps are rounded to milliseconds. A gap is filled with silence, while it lasts if
 * video goes on, and frames that repeat covered time are dropped. A slow drift is corrected by single frames.
 */
class CopiedAudio {
  readonly #writer: EncoderRunWriter;
  readonly #id: string;
  readonly #offset: number;
  readonly #sampleRate: number;
  readonly #silence: Buffer;
  /** Decode time of the next frame, ticks. */
  #next: number | undefined;
  /** Average deviation of timestamps from the sample count, ticks. */
  #drift = 0;
  #lastTimestampMs = 0;
  /** Video timestamp at the last audio tag, ms. */
  #videoAtAudioMs: number | undefined;
  #videoMs: number | undefined;
  #missingMs: number = AUDIO_MISSING_MS.initial;
  /** The newest frames are silence that was filled while audio was missing. */
  #isFilled = false;

  constructor(writer: EncoderRunWriter, id: string, header: FlvTag, offset: number) {
    this.#writer = writer;
    this.#id = id;
    this.#offset = offset;
    const configuration = header.body.subarray(AAC_DATA_OFFSET);
    const { sampleRate, channels } = readAacConfiguration(configuration) ?? {};
    const silence = silentAacFrame(channels ?? 0);
    if (!sampleRate || !channels || !silence) throw new Error('the AAC configuration cannot be copied');
    this.#sampleRate = sampleRate;
    this.#silence = silence;
    const init = { kind: 'audio', timescale: sampleRate, configuration, sampleRate, channels } as const;
    writer.startCopy(id, writeTrackInit(init));
  }

  write(tag: FlvTag): void {
    if (tag.body.length <= AAC_DATA_OFFSET) return;
    this.#lastTimestampMs = tag.timestamp;
    this.#videoAtAudioMs = this.#videoMs;
    const at = this.#ticks(tag.timestamp);
    this.#next ??= at;
    const jump = AUDIO_JUMP_S * this.#sampleRate;
    let deviation = at - this.#next;
    if (this.#isFilled && deviation < -jump)
      this.#missingMs = Math.min(this.#missingMs * 2, AUDIO_MISSING_MS.maximum);
    this.#isFilled = false;
    if (deviation > jump) {
      this.#fill(at);
      deviation = at - this.#next;
      this.#drift = 0;
    } else if (deviation < -jump) {
      return;
    }
    this.#drift += (deviation - this.#drift) / DRIFT_FRAMES;
    if (this.#drift < -AAC_FRAME_SAMPLES) {
      this.#drift = 0;
      return;
    }
    if (this.#drift > AAC_FRAME_SAMPLES) {
      this.#drift = 0;
      this.#emit(this.#silence);
    }
    this.#emit(tag.body.subarray(AAC_DATA_OFFSET));
  }

  begin(timestampMs: number): void {
    this.#lastTimestampMs = timestampMs;
    this.#videoAtAudioMs = timestampMs;
    this.#next ??= this.#ticks(timestampMs);
  }

  /** Keeps audio beside video: fills what is missing while it is missing. */
  videoAdvanced(timestampMs: number): void {
    this.#videoMs = timestampMs;
    if (this.#next === undefined) return;
    this.#videoAtAudioMs ??= timestampMs;
    const missingMs = timestampMs - this.#videoAtAudioMs;
    if (missingMs <= this.#missingMs) return;
    this.#isFilled = true;
    this.#fill(this.#ticks(this.#lastTimestampMs + missingMs - SILENCE_LAG_MS));
  }

  #ticks(timestampMs: number): number {
    return Math.round(((timestampMs + this.#offset) * this.#sampleRate) / 1000);
  }

  /** Adds frames of silence up to a decode time. */
  #fill(until: number): void {
    if (this.#next === undefined) return;
    const missing = until - this.#next;
    if (missing > MAXIMUM_SILENCE_S * this.#sampleRate) {
      this.#next = until;
      return;
    }
    for (let count = Math.floor(missing / AAC_FRAME_SAMPLES); count > 0; count--) this.#emit(this.#silence);
  }

  #emit(data: Buffer): void {
    this.#writer.sample(this.#id, {
      ...{ decodeTime: this.#next!, duration: AAC_FRAME_SAMPLES, compositionOffset: 0 },
      ...{ flags: SYNC_FLAGS, sync: true, data },
    });
    this.#next! += AAC_FRAME_SAMPLES;
  }
}
