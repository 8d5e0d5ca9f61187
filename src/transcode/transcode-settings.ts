import type { Clock } from '../platform/index.js';
import type { Broadcast } from '../streams/index.js';
import type { FfmpegTool } from './ffmpeg/ffmpeg-process.js';
import type { VideoEncoderSettings } from './ffmpeg/video-encoder.js';
import type { CmafListener } from './hls/cmaf-listener.js';
import type { EncoderChoice } from './hls/encoder-choice.js';
import type { Rung } from './hls/ladder.js';
import type { PortPairs } from './inputs/port-pairs.js';
import type { RtpVideoCodec } from './inputs/rtp-session.js';
import type { SlateRenderer } from './slate/slate-renderer.js';

/** Settings shared by all broadcasts of a gateway. */
export type TranscodeSettings = {
  ffmpeg: FfmpegTool;
  encoder: VideoEncoderSettings;
  ladder: readonly Rung[] | 'off';
  audioBitrateBps: number;
  /** Time without HLS viewers after which encoded renditions are suspended, ms; undefined: never. */
  ladderIdleMs: number | undefined;
  segmentDurationS: number;
  /** Maximum pixels of a published frame. */
  maxPixels: number;
  listener: CmafListener;
  /** RTP codecs that this ffmpeg decodes. */
  rtpCodecs: readonly RtpVideoCodec[];
  /** Name of ffmpeg's AV1 decoder. */
  av1Decoder: string | undefined;
  portPairs: PortPairs;
  /** Undefined: no slates. */
  slates: SlateRenderer | undefined;
  /** Returns the last picture of a broadcast as MP4; undefined without one. */
  lastPicture(broadcast: Broadcast): Buffer[] | undefined;
  clock: Clock;
};

/** State that a broadcast's next publication inherits. */
export type BroadcastMemory = {
  /** The source's keyframes are unsuitable: its video is encoded. */
  encodeSource: boolean;
  readonly encoder: EncoderChoice;
};
