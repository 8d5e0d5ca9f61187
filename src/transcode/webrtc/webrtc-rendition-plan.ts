import { MAXIMUM_RTP_PACKET_BYTES, type VideoSource } from '../../media/index.js';
import type { WebrtcRenditionDestination } from '../../streams/index.js';
import {
  COMMON_OPTIONS,
  clockKeyframes,
  decoderThreads,
  type FfmpegPlan,
  pixelLimit,
  SHORT_PROBE_OPTIONS,
  SQUARE_PIXELS,
  type TagInput,
  tagInputOptions,
  VIDEO_TIMESCALE,
} from '../ffmpeg/ffmpeg-arguments.js';
import { encoderArguments, type VideoEncoderSettings } from '../ffmpeg/video-encoder.js';
import { bitrateFor, DEFAULT_LADDER, MAXIMUM_FRAME_RATE, scaled } from '../hls/ladder.js';
import { PAYLOAD_TYPE } from '../inputs/rtp-session.js';

export type WebrtcRenditionPlanRequest = {
  /** Video of the source, to encode. */
  video: VideoSource | undefined;
  audio: boolean;
  input: TagInput;
  destination: WebrtcRenditionDestination;
  /** Maximum shorter side of encoded video, pixels. */
  lines: number;
  encoder: VideoEncoderSettings;
  /** Maximum pixels of a published frame. */
  maxPixels: number;
  /** Unix ms at media time 0: aligns the sender reports of both streams. */
  originMs: number;
  /** Media time in ms before which frames are only decoded. */
  from: number;
};

/** Default maximum shorter side of encoded WebRTC video, pixels. */
export const MAXIMUM_LINES = 720;

/** Keyframe interval, s: the maximum wait of a viewer that joins without backlog. */
const KEYFRAME_SECONDS = 2;
/** Time between frames after which the later one is a keyframe, s: viewers have seen a slate meanwhile. */
const PAUSE_S = 0.9;
const OPUS_BITRATE = 128_000;
/** VBV buffer, s: a short one avoids large bursts. */
const BUFFER_SECONDS = 0.5;

/** Builds the ffmpeg arguments of a WebRTC rendition. */
export function webrtcRenditionPlan(request: WebrtcRenditionPlanRequest): FfmpegPlan {
  const { video, destination } = request;
  const outputs: FfmpegPlan['outputs'] = [];
  let threads: string[] = [];
  if (video && destination.videoPort !== undefined) {
    threads = [
      ...encoderArguments(request.encoder).global,
      ...decoderThreads((video.width ?? 0) * (video.height ?? 0)),
    ];
    outputs.push(output(destination.videoPort, PAYLOAD_TYPE.video, encodedVideo(video, request), request));
  }
  if (request.audio && destination.audioPort !== undefined)
    outputs.push(output(destination.audioPort, PAYLOAD_TYPE.audio, opus(request), request));
  return {
    inputOptions: [
      ...[...COMMON_OPTIONS, ...threads, ...pixelLimit(request.maxPixels), ...tagInputOptions(request.input)],
      ...(video ? [] : SHORT_PROBE_OPTIONS),
    ],
    complexFilter: undefined,
    outputs,
  };
}

function output(
  port: number,
  payloadType: number,
  media: string[],
  { originMs }: WebrtcRenditionPlanRequest,
): FfmpegPlan['outputs'][number] {
  return {
    url: `rtp://127.0.0.1:${port}?pkt_size=${MAXIMUM_RTP_PACKET_BYTES}&rtcpport=${port + 1}&localaddr=127.0.0.1`,
    options: [
      ...media,
      // Without it each stream's reports count from its own start.
      ...['-start_time_realtime', String(Math.round(originMs * 1000))],
      ...['-muxdelay', '0', '-muxpreload', '0', '-flush_packets', '1'],
      ...['-f', 'rtp', '-payload_type', String(payloadType)],
    ],
  };
}

function encodedVideo(video: VideoSource, request: WebrtcRenditionPlanRequest): string[] {
  const { encoder, from, lines } = request;
  const coder = encoderArguments(encoder, 'baseline');
  const size =
    video.width && video.height
      ? scaled(video.width, video.height, Math.min(lines, video.width, video.height))
      : undefined;
  const step = Math.max(1, Math.ceil((video.frameRate ?? 0) / MAXIMUM_FRAME_RATE));
  const rate = video.frameRate && video.frameRate / step;
  const bitrate = Math.round(bitrateFor(size ?? { width: 1280, height: 720 }, rate, DEFAULT_LADDER));
  const filters = [
    `trim=start=${(from / 1000).toFixed(3)}`,
    ...(step > 1 ? [`select='not(mod(n,${step}))'`] : []),
    size
      ? `scale=${size.width}:${size.height}:flags=bicubic,${SQUARE_PIXELS}`
      : "scale='trunc(iw*min(1,720/min(iw,ih))/2)*2':'trunc(ih*min(1,720/min(iw,ih))/2)*2'",
    coder.filter,
  ];
  return [
    ...['-map', '0:v:0', '-vf', filters.join(',')],
    ...['-fps_mode', 'passthrough', '-enc_time_base', `1:${VIDEO_TIMESCALE}`],
    ...coder.output,
    ...['-b:v', String(bitrate), '-maxrate', String(Math.round(bitrate * 1.1))],
    ...['-bufsize', String(Math.round(bitrate * BUFFER_SECONDS))],
    ...['-force_key_frames', clockKeyframes(KEYFRAME_SECONDS, PAUSE_S)],
  ];
}

function opus({ from }: WebrtcRenditionPlanRequest): string[] {
  return [
    ...['-map', '0:a:0', '-af', `atrim=start=${(from / 1000).toFixed(3)},aresample=48000:async=1`],
    ...['-c:a', 'libopus', '-b:a', String(OPUS_BITRATE), '-ac', '2', '-frame_duration', '20'],
    // Sounds like the default at this bit rate, with 4 ms less delay.
    ...['-application', 'lowdelay'],
  ];
}
