import { access } from 'node:fs/promises';
import path from 'node:path';
import { type AudioSource, decodedPixels, type VideoSource } from '../../media/index.js';
import { type Clock, HeadendError, messageOf, runShortProcess } from '../../platform/index.js';
import type { FfmpegTool } from '../ffmpeg/ffmpeg-process.js';
import { InputRefused } from './input-refused.js';

/** A video file as ffprobe reads it. */
export type ProbedVideo = {
  /** Demuxer of ffmpeg, by the content of the file. */
  demuxer: string;
  durationS: number;
  /** Upright, in square pixels; `width` and `height` are known. */
  video: VideoSource & { width: number; height: number };
  audio: AudioSource | undefined;
  /** Indexes of the streams in the file. */
  videoIndex: number;
  audioIndex: number | undefined;
};

export type ProbeLimits = {
  maxPixels: number;
  maxDurationS: number;
  clock: Clock;
  signal: AbortSignal;
};

/** Demuxers of files that hold media themselves: none of them opens what a file names. */
const DEMUXERS = ['mov', 'matroska', 'avi', 'mpegts', 'mpeg', 'flv', 'ogg'] as const;
/** Options of every input: nothing but the file itself is read, and by none but these demuxers. */
export const INPUT_LIMITS: readonly string[] = [
  ...['-protocol_whitelist', 'file', '-format_whitelist', DEMUXERS.join(',')],
];
const TIMEOUT_MS = 30_000;
const MAXIMUM_OUTPUT_BYTES = 1024 * 1024;
/** Streams after these are ignored. */
const MAXIMUM_STREAMS = 64;
/** Measured rates are rounded. */
const RATE_TOLERANCE = 0.02;
const SHOWN =
  'format=format_name,duration:stream=index,codec_type,codec_name,width,height,sample_aspect_ratio,avg_frame_rate,r_frame_rate,bit_rate,duration,channels,sample_rate:stream_disposition=attached_pic:stream_side_data=rotation';

type ProbedStream = {
  index: number;
  codec_type?: string;
  codec_name?: string;
  width?: number;
  height?: number;
  sample_aspect_ratio?: string;
  avg_frame_rate?: string;
  r_frame_rate?: string;
  bit_rate?: string;
  duration?: string;
  channels?: number;
  sample_rate?: string;
  disposition?: { attached_pic?: number };
  side_data_list?: { rotation?: number }[];
};
type ProbeOutput = { format?: { format_name?: string; duration?: string }; streams?: ProbedStream[] };

/**
 * Finds ffprobe beside ffmpeg.
 *
 * @throws HeadendError `ffprobe_missing`
 */
async function findFfprobe(tool: FfmpegTool): Promise<FfmpegTool> {
  const found = path.join(path.dirname(tool.path), 'ffprobe');
  try {
    await access(found);
  } catch (cause) {
    throw new HeadendError('ffprobe_missing', `There is no ffprobe beside ${tool.path}: install it there.`, {
      cause,
    });
  }
  return { ...tool, path: found };
}

/**
 * Reads the properties of a video file from its content, whatever its name.
 *
 * @throws InputRefused; HeadendError `ffprobe_missing`; Error when ffprobe was cancelled or timed out
 */
export async function probeVideo(tool: FfmpegTool, file: string, limits: ProbeLimits): Promise<ProbedVideo> {
  const ffprobe = await findFfprobe(tool);
  const { clock, signal, maxPixels } = limits;
  let output: ProbeOutput;
  try {
    const [json] = await runShortProcess(ffprobe, {
      args: [
        ...['-v', 'error', ...INPUT_LIMITS, '-max_pixels', String(decodedPixels(maxPixels))],
        ...['-analyzeduration', '20000000', '-probesize', '20000000'],
        ...['-show_entries', SHOWN, '-of', 'json', '-i', `file:${file}`],
      ],
      ...{ input: [], outputs: [1], maxOutputBytes: MAXIMUM_OUTPUT_BYTES, timeoutMs: TIMEOUT_MS },
      ...{ clock, signal },
    });
    output = JSON.parse(json!.toString('utf8')) as ProbeOutput;
  } catch (cause) {
    if (signal.aborted) throw cause;
    if (/memory/.test(messageOf(cause)))
      throw new InputRefused('needs_too_much_memory', 'Reading this file takes too much memory.', { cause });
    if (/picture size \d+x\d+/i.test(messageOf(cause)))
      throw new InputRefused('picture_too_large', 'The picture of this video is too large.', { cause });
    throw notAVideo(cause);
  }
  return readProbe(output, limits);
}

function readProbe({ format, streams = [] }: ProbeOutput, limits: ProbeLimits): ProbedVideo {
  const demuxer = DEMUXERS.find((name) => format?.format_name?.split(',').includes(name));
  if (!demuxer) throw notAVideo();
  const known = streams.slice(0, MAXIMUM_STREAMS);
  const picture = known.find(
    ({ codec_type: type, disposition }) => type === 'video' && disposition?.attached_pic !== 1,
  );
  if (!picture) throw new InputRefused('no_picture', 'This file has no video.');
  const sound = known.find((stream) => stream.codec_type === 'audio' && (stream.channels ?? 0) > 0);
  const { width, height } = uprightSize(picture);
  if (width * height > limits.maxPixels)
    throw new InputRefused('picture_too_large', `The picture is too large: ${width}x${height} pixels.`);
  const durationS = positive(format?.duration) ?? positive(picture.duration);
  if (durationS === undefined)
    throw new InputRefused(
      'incomplete',
      'The duration of this file is unknown: it is incomplete or damaged.',
    );
  if (durationS > limits.maxDurationS)
    throw new InputRefused(
      'too_long',
      `The video is too long: at most ${limits.maxDurationS / 3600} hours are possible.`,
    );
  const frameRate = frameRateOf(picture);
  const bitrate = positive(picture.bit_rate);
  return {
    demuxer,
    durationS,
    video: {
      ...{ codec: codecOf(picture.codec_name), width, height },
      ...(frameRate === undefined ? {} : { frameRate }),
      ...(bitrate === undefined ? {} : { bitrate }),
    },
    audio: sound && { codec: 'aac', channels: sound.channels ?? 2 },
    videoIndex: picture.index,
    audioIndex: sound?.index,
  };
}

function notAVideo(cause?: unknown): InputRefused {
  return new InputRefused('not_a_video', 'This file is not a video that can be read, or it is damaged.', {
    cause,
  });
}

/** Returns the size in square pixels, after the rotation that ffmpeg applies. */
function uprightSize(stream: ProbedStream): { width: number; height: number } {
  const [across = 1, down = 1] = (stream.sample_aspect_ratio ?? '1:1').split(':').map(Number);
  const aspect = across > 0 && down > 0 && across / down < 10 && down / across < 10 ? across / down : 1;
  const width = Math.round((stream.width ?? 0) * aspect);
  const height = stream.height ?? 0;
  if (!(width >= 1 && height >= 1)) throw notAVideo();
  const rotation = stream.side_data_list?.find((data) => data.rotation !== undefined)?.rotation ?? 0;
  return Math.abs(rotation) % 180 === 90 ? { width: height, height: width } : { width, height };
}

function positive(text: string | undefined): number | undefined {
  const value = Number(text);
  return Number.isFinite(value) && value > 0 ? value : undefined;
}

/** Returns the nominal rate unless it deviates from the measured one, as with a variable rate. */
function frameRateOf(stream: ProbedStream): number | undefined {
  const measured = rateOf(stream.avg_frame_rate);
  const nominal = rateOf(stream.r_frame_rate);
  if (!measured || !nominal) return measured ?? nominal;
  return Math.abs(measured / nominal - 1) < RATE_TOLERANCE ? nominal : measured;
}

function rateOf(text: string | undefined): number | undefined {
  const [frames = 0, seconds = 0] = (text ?? '').split('/').map(Number);
  return positive(String(frames / seconds));
}

/** Only whether it is H.264 matters, and nothing is passed through. */
function codecOf(name: string | undefined): VideoSource['codec'] {
  return name === 'hevc' || name === 'av1' || name === 'vp9' || name === 'vp8' ? name : 'h264';
}
