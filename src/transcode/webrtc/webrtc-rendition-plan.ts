import type { VideoSource } from '../../media/index.js';
import type { WebrtcRenditionDestination } from '../../streams/index.js';
import {
  COMMON_OPTIONS,
  clockKeyframes,
  decoderThreads,
  type FfmpegPlan,
  FLV_INPUT_OPTIONS,
  pixelLimit,
  SQUARE_PIXELS,
  VIDEO_TIMESCALE,
} from '../ffmpeg/ffmpeg-arguments.js';
import { encoderArguments, type VideoEncoderSettings } from '../ffmpeg/video-encoder.js';
import { bitrateFor, DEFAULT_LADDER, HIGHEST_FRAME_RATE, scaled } from '../hls/ladder.js';
import { PAYLOAD_TYPE } from '../inputs/rtp-session.js';

export type WebrtcRenditionPlanRequest = {
  /** What the source has. */
  video: VideoSource | undefined;
  audio: boolean;
  destination: WebrtcRenditionDestination;
  /** The source's pictures are sent as they are. */
  passthrough: boolean;
  /** An encoded picture's shorter side is not longer than this, pixels. */
  lines: number;
  encoder: VideoEncoderSettings;
  /** Pixels of the largest picture that a publisher may send. */
  maxPixels: number;
  /** Unix ms at which media time 0 stands on the wall clock: it makes the sender reports of both streams agree. */
  originMs: number;
  /** Media time in ms before which nothing is encoded: what came before only helps to decode. */
  from: number;
};

/** The largest picture that is encoded for WebRTC: the shorter side, pixels. */
export const REALTIME_LINES = 720;

/** Bytes of one UDP packet: with what SRTP and a tunnel add it still passes a network whole. */
const PACKET_SIZE = 1_200;
/** Whoever joins without the pictures since the last keyframe waits this long, s. */
const KEYFRAME_SECONDS = 2;
const OPUS_BITRATE = 128_000;
/** An encoder that may spend this much time's bits at once makes no large bursts, s. */
const BUFFER_SECONDS = 0.5;

/** Builds the call of ffmpeg that turns a source into what every browser takes by WebRTC. */
export function webrtcRenditionPlan(request: WebrtcRenditionPlanRequest): FfmpegPlan {
  const { video, destination } = request;
  const outputs: FfmpegPlan['outputs'] = [];
  let threads: string[] = [];
  if (video && destination.videoPort !== undefined) {
    const kind = request.passthrough ? passedVideo() : encodedVideo(video, request);
    if (!request.passthrough)
      threads = [
        ...encoderArguments(request.encoder).global,
        ...decoderThreads((video.width ?? 0) * (video.height ?? 0)),
      ];
    outputs.push(output(destination.videoPort, PAYLOAD_TYPE.video, kind, request));
  }
  if (request.audio && destination.audioPort !== undefined)
    outputs.push(output(destination.audioPort, PAYLOAD_TYPE.audio, opus(request), request));
  return {
    inputOptions: [...COMMON_OPTIONS, ...threads, ...pixelLimit(request.maxPixels), ...FLV_INPUT_OPTIONS],
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
    url: `rtp://127.0.0.1:${port}?pkt_size=${PACKET_SIZE}&rtcpport=${port + 1}&localaddr=127.0.0.1`,
    options: [
      ...media,
      // Otherwise each stream's reports would count from the moment at which it began.
      ...['-start_time_realtime', String(Math.round(originMs * 1000))],
      ...['-muxdelay', '0', '-muxpreload', '0', '-flush_packets', '1'],
      ...['-f', 'rtp', '-payload_type', String(payloadType)],
    ],
  };
}

/**
 * The parameter sets stand in the configuration: WebRTC wants them before every keyframe. Delimiters and supplemental
 * information, which may stand before those, are left out, so that a keyframe begins with them.
 */
function passedVideo(): string[] {
  return ['-map', '0:v:0', '-c:v', 'copy', '-bsf:v', 'h264_mp4toannexb,filter_units=remove_types=6|9'];
}

function encodedVideo(video: VideoSource, request: WebrtcRenditionPlanRequest): string[] {
  const { encoder, from, lines } = request;
  const coder = encoderArguments(encoder, 'baseline');
  const size =
    video.width && video.height
      ? scaled(video.width, video.height, Math.min(lines, video.width, video.height))
      : undefined;
  const step = Math.max(1, Math.ceil((video.frameRate ?? 0) / HIGHEST_FRAME_RATE));
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
    ...['-force_key_frames', clockKeyframes(KEYFRAME_SECONDS)],
  ];
}

function opus({ from }: WebrtcRenditionPlanRequest): string[] {
  return [
    ...['-map', '0:a:0', '-af', `atrim=start=${(from / 1000).toFixed(3)},aresample=48000:async=1`],
    ...['-c:a', 'libopus', '-b:a', String(OPUS_BITRATE), '-ac', '2', '-frame_duration', '20'],
    // At this bit rate it sounds like the default, and looks ahead 4 ms less.
    ...['-application', 'lowdelay'],
  ];
}
