import {
  type AudioCodec,
  type FlvTag,
  flvFileHeader,
  frameFlvTag,
  type MatroskaTrack,
  MatroskaWriter,
  OPUS_RATE,
  opusHead,
  readFlacStreamInfo,
  readFlvAudioTag,
  readFlvVideoTag,
  type SourceInfo,
  type VideoCodec,
} from '../../media/index.js';
import type { TagInput } from '../ffmpeg/ffmpeg-arguments.js';
import type { JoinedTags } from './gop-buffer.js';

const TRACK = { video: 1, audio: 2 } as const;
/** Codec ids of Matroska (codec specifications, RFC 9559 section 27). */
const VIDEO_CODEC_ID: Record<VideoCodec, string> = {
  h264: 'V_MPEG4/ISO/AVC',
  hevc: 'V_MPEGH/ISO/HEVC',
  av1: 'V_AV1',
  vp9: 'V_VP9',
  vp8: 'V_VP8',
};
const AUDIO_CODEC_ID: Partial<Record<AudioCodec, string>> = {
  aac: 'A_AAC',
  mp3: 'A_MPEG/L3',
  opus: 'A_OPUS',
  flac: 'A_FLAC',
  ac3: 'A_AC3',
  eac3: 'A_EAC3',
};
/** Codecs of sound that each ffmpeg reads in FLV. */
const CLASSIC_AUDIO: readonly AudioCodec[] = ['aac', 'mp3'];
/** Codecs whose FLV configuration is also that of Matroska. */
const CONFIGURED: readonly VideoCodec[] = ['h264', 'hevc', 'av1'];
/** Assumed while the size is unknown: decoders go by the bitstream. */
const DEFAULT_SIZE = { width: 1280, height: 720 };
const NO_BYTES = Buffer.alloc(0);

/** Writes tags as a stream of a container. */
export type TagFraming = {
  /** Returns the bytes before all tags. */
  header(): Buffer;
  /** @param timestampMs decode time in the stream */
  frame(tag: FlvTag, timestampMs: number): readonly Buffer[];
};

/** Media with which a stream begins. */
export type FramedMedia = Pick<JoinedTags, 'videoHeader' | 'audioHeader'> & {
  /** Kinds in the stream. */
  has: { audio: boolean; video: boolean };
  /** Frames/s. */
  frameRate: number;
  info: Pick<SourceInfo, 'video' | 'audio'>;
};

/** Returns FLV for the codecs that each ffmpeg reads in it: others are read since 6.1 only (enhanced RTMP). */
function containerOf({ video, audio }: FramedMedia['info']): TagInput['container'] {
  const isClassic = (!video || video.codec === 'h264') && (!audio || CLASSIC_AUDIO.includes(audio.codec));
  return isClassic ? 'flv' : 'matroska';
}

/** Describes such a stream for ffmpeg. */
export function tagInput(info: FramedMedia['info'], av1Decoder: string | undefined): TagInput {
  const decoder = info.video?.codec === 'av1' ? av1Decoder : undefined;
  return { kind: 'tags', container: containerOf(info), decoder };
}

export function tagFraming(media: FramedMedia): TagFraming {
  if (containerOf(media.info) === 'matroska') return new MatroskaFraming(media);
  return { header: () => flvFileHeader(media.has), frame: frameFlvTag };
}

/** Writes tags as live Matroska (RFC 9559). Other configurations begin another timeline, and so another stream. */
class MatroskaFraming implements TagFraming {
  readonly #writer: MatroskaWriter;

  constructor(media: FramedMedia) {
    const { has } = media;
    this.#writer = new MatroskaWriter([
      ...(has.video ? [videoTrack(media)] : []),
      ...(has.audio ? [audioTrack(media)] : []),
    ]);
  }

  header(): Buffer {
    return this.#writer.header();
  }

  frame(tag: FlvTag, timestampMs: number): readonly Buffer[] {
    if (tag.kind === 'script' || tag.header) return [];
    return tag.kind === 'video' ? this.#video(tag, timestampMs) : this.#audio(tag, timestampMs);
  }

  #video(tag: FlvTag, timestampMs: number): Buffer[] {
    const packet = readFlvVideoTag(tag.body);
    if (packet?.packet !== 'frame') return [];
    const data = packet.body.subarray(packet.dataOffset);
    const time = Math.max(0, timestampMs + packet.compositionTime);
    return [this.#writer.frame(TRACK.video, time, tag.keyframe, data.length), data];
  }

  #audio(tag: FlvTag, timestampMs: number): Buffer[] {
    const data = dataOf('audio', tag);
    if (data.length === 0) return [];
    return [this.#writer.frame(TRACK.audio, Math.max(0, timestampMs), true, data.length), data];
  }
}

function videoTrack({ info: { video }, videoHeader, frameRate }: FramedMedia): MatroskaTrack {
  const { codec = 'h264', width = DEFAULT_SIZE.width, height = DEFAULT_SIZE.height } = video ?? {};
  const codecPrivate = videoHeader && CONFIGURED.includes(codec) ? dataOf('video', videoHeader) : NO_BYTES;
  return {
    ...{ kind: 'video', number: TRACK.video, codecId: VIDEO_CODEC_ID[codec], codecPrivate },
    ...{ width, height, frameRate },
  };
}

function audioTrack({ info: { audio }, audioHeader }: FramedMedia): MatroskaTrack {
  const { codec = 'aac', channels = 2, sampleRate = OPUS_RATE } = audio ?? {};
  const codecId = AUDIO_CODEC_ID[codec] ?? '';
  const missing = codec === 'opus' ? opusHead(channels === 1 ? 1 : 2) : NO_BYTES;
  const configuration = audioHeader ? dataOf('audio', audioHeader) : missing;
  const codecPrivate =
    codec === 'flac' ? (readFlacStreamInfo(configuration)?.configuration ?? NO_BYTES) : configuration;
  return { kind: 'audio', number: TRACK.audio, codecId, codecPrivate, channels, sampleRate };
}

/** Returns the codec's data of a tag; empty when it has none. */
function dataOf(kind: 'video' | 'audio', { body }: FlvTag): Buffer {
  const packet = kind === 'video' ? readFlvVideoTag(body) : readFlvAudioTag(body);
  if (packet?.packet !== 'frame' && packet?.packet !== 'configuration') return NO_BYTES;
  return packet.body.subarray(packet.dataOffset);
}
