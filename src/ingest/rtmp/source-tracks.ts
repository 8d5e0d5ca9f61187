import {
  type AacConfiguration,
  type AudioCodec,
  type AudioSource,
  type FlvAudioTag,
  type H264Configuration,
  readAacConfiguration,
  readAc3Header,
  readFlacStreamInfo,
  readH264Configuration,
  readHevcShownSize,
  readOpusHead,
  type SourceInfo,
  type VideoCodec,
  type VideoSource,
} from '../../media/index.js';
import type { Measured } from './source-meter.js';
import type { StreamMetadata } from './stream-metadata.js';

type AudioPacket = Extract<FlvAudioTag, { codec: AudioCodec; body: Buffer }>;

type Size = { width: number; height: number };

/** Relative difference above which the measured frame rate replaces the announced one. */
const FRAME_RATE_TOLERANCE = 0.2;
/** Frame rate of reordered frames without an announced one. */
const DEFAULT_FRAME_RATE = 30;
/** profile_idc of Baseline, which has no B slices (ITU-T H.264 annex A.2.1). */
const BASELINE = 66;
/** Upper bound of cropping to coding blocks (64 pixels in HEVC, two fields of macroblocks in H.264). */
const MAXIMUM_CROP_PIXELS = 64;

/** Video track described by its configuration and tag headers. */
export class VideoTrack {
  readonly codec: VideoCodec;
  /** Body of the tag with the decoder configuration. */
  configuration: Buffer | undefined;
  /** Size in the bitstream before cropping, pixels; undefined until read. */
  codedSize: Size | undefined;
  #h264: H264Configuration | undefined;
  /** Size in the configuration after cropping. */
  #shownSize: Size | undefined;

  constructor(codec: VideoCodec) {
    this.codec = codec;
  }

  /** Whether frames can be decoded. */
  get ready(): boolean {
    return this.configuration !== undefined;
  }

  /** @returns whether the configuration has changed */
  configure(body: Buffer, dataOffset: number): boolean {
    if (this.configuration?.equals(body)) return false;
    this.configuration = body;
    const record = body.subarray(dataOffset);
    this.#h264 = this.codec === 'h264' ? readH264Configuration(record) : undefined;
    this.#shownSize = this.#h264 ?? (this.codec === 'hevc' ? readHevcShownSize(record) : undefined);
    return true;
  }

  /** Delay of presentation that the bitstream announces for reordered frames, ms; less than a frame too short. */
  get reorderMs(): number {
    const { reorderFrames = 0, frameRate = DEFAULT_FRAME_RATE } = this.#h264 ?? {};
    return Math.max(0, Math.floor((reorderFrames * 1_000) / frameRate) - 1);
  }

  /** Whether the bitstream announces that frames are shown in the order in which they are decoded. */
  get #keepsOrder(): boolean {
    return this.#h264?.reorderFrames === 0 || this.#h264?.profile === BASELINE;
  }

  describe(metadata: StreamMetadata | undefined, measured: Measured['video'] = {}): VideoSource {
    const { frameRate: counted, ...rest } = measured;
    const announced = this.#h264?.frameRate ?? metadata?.frameRate;
    const frameRate = frameRateOf(announced, counted);
    const size = this.#shownSize ?? sizeOf(metadata, this.codedSize);
    return {
      codec: this.codec,
      ...(size && { width: size.width, height: size.height }),
      ...(frameRate !== undefined && { frameRate }),
      // Known before the first frames are; measured ones contradict it when it is wrong.
      ...(this.#keepsOrder && { bFrames: false }),
      ...(this.#h264 && { profile: this.#h264.profile }),
      ...rest,
    };
  }
}

/** Audio track described by its configuration and tag headers. */
export class AudioTrack {
  readonly codec: AudioCodec;
  configuration: Buffer | undefined;
  #aac: AacConfiguration | undefined;
  #tag: { sampleRate: number; channels: number };

  constructor(packet: AudioPacket) {
    this.codec = packet.codec;
    this.#tag = { sampleRate: packet.sampleRate, channels: packet.channels };
  }

  get ready(): boolean {
    return this.configuration !== undefined || this.codec !== 'aac';
  }

  /** @returns whether the configuration has changed */
  configure(body: Buffer, dataOffset: number): boolean {
    if (this.configuration?.equals(body)) return false;
    const record = body.subarray(dataOffset);
    const opus = this.codec === 'opus' ? readOpusHead(record) : undefined;
    const flac = this.codec === 'flac' ? readFlacStreamInfo(record) : undefined;
    if ((this.codec === 'opus' && !opus) || (this.codec === 'flac' && !flac)) return false;
    this.configuration = body;
    this.#aac = this.codec === 'aac' ? readAacConfiguration(record) : undefined;
    if (opus) this.#tag.channels = opus.channels;
    if (flac) this.#tag = flac;
    return true;
  }

  /** Reads the format of AC-3, which has no configuration, from a frame. @returns its body */
  read({ body, dataOffset }: AudioPacket): Buffer {
    if (this.codec === 'ac3' || this.codec === 'eac3')
      this.#tag = readAc3Header(body.subarray(dataOffset)) ?? this.#tag;
    return body;
  }

  describe(measured: Measured['audio'] = {}): AudioSource {
    const { sampleRate, channels } = this.#aac ?? this.#tag;
    return { codec: this.codec, sampleRate, channels, ...measured };
  }
}

/** Key of the properties whose change is published at once; leaves out bit rates, which always change. */
export function settingsOf(source: Pick<SourceInfo, 'video' | 'audio' | 'encoder'>): string {
  const { video, audio, encoder } = source;
  return JSON.stringify([
    encoder,
    video && [video.codec, video.width, video.height, Math.round(video.frameRate ?? 0), video.bFrames],
    video && Math.round(video.keyframeInterval ?? 0),
    audio && [audio.codec, audio.sampleRate, audio.channels],
  ]);
}

/** Prefers the size of the metadata, which is after cropping, unless the bitstream contradicts it. */
function sizeOf(metadata: StreamMetadata | undefined, coded: Size | undefined): Size | undefined {
  const { width, height } = metadata ?? {};
  if (width === undefined || height === undefined) return coded;
  return !coded || (isCropped(width, coded.width) && isCropped(height, coded.height))
    ? { width, height }
    : coded;
}

function isCropped(side: number, codedSide: number): boolean {
  return side <= codedSide && codedSide - side < MAXIMUM_CROP_PIXELS;
}

/** Prefers the announced frame rate, as encoders drop frames, unless the measured one contradicts it. */
function frameRateOf(announced: number | undefined, counted: number | undefined): number | undefined {
  if (announced === undefined || counted === undefined) return announced ?? counted;
  return Math.abs(counted - announced) <= announced * FRAME_RATE_TOLERANCE ? announced : counted;
}
