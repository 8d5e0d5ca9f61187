import type { Clock } from '../platform/index.js';
import type { FfmpegTool } from './ffmpeg/ffmpeg-process.js';
import type { VideoEncoderSettings } from './ffmpeg/video-encoder.js';
import type { CmafListener } from './hls/cmaf-listener.js';
import type { EncoderChoice } from './hls/encoder-choice.js';
import type { Rung } from './hls/ladder.js';
import type { PortPairs } from './inputs/port-pairs.js';
import type { RtpVideoCodec } from './inputs/rtp-session.js';

/** What all broadcasts of a gateway share. */
export type TranscodeSettings = {
  ffmpeg: FfmpegTool;
  encoder: VideoEncoderSettings;
  ladder: readonly Rung[] | 'off';
  audioBitrate: number;
  segmentDuration: number;
  /** Pixels of the largest picture that a publisher may send. */
  maxPixels: number;
  listener: CmafListener;
  /** Codecs of media that arrive as RTP which this ffmpeg decodes. */
  rtpCodecs: readonly RtpVideoCodec[];
  /** ffmpeg's name of what decodes AV1. */
  av1Decoder: string | undefined;
  portPairs: PortPairs;
  clock: Clock;
};

/** What a broadcast has learned and its next publication should know. */
export type BroadcastMemory = {
  /** The source's keyframes are no good: its picture is encoded. */
  encodeSource: boolean;
  readonly encoder: EncoderChoice;
};
