import { availableParallelism } from 'node:os';
import { DEFAULT_MAX_PICTURE_PIXELS } from '../media/index.js';
import { type Clock, type Logger, MemoryGuard } from '../platform/index.js';
import type { Broadcast, BroadcastSubscriber, BroadcastSubscription } from '../streams/index.js';
import { BroadcastTranscoding, NOTHING } from './broadcast-transcoding.js';
import { type CheckedFfmpeg, checkFfmpeg, findFfmpeg } from './ffmpeg/ffmpeg-check.js';
import type { FfmpegTool } from './ffmpeg/ffmpeg-process.js';
import { verifyVideoEncoder } from './ffmpeg/hardware-check.js';
import { readableRtp } from './ffmpeg/rtp-check.js';
import {
  DEFAULT_VAAPI_DEVICE,
  type VideoEncoder,
  type VideoEncoderSettings,
} from './ffmpeg/video-encoder.js';
import { CmafListener } from './hls/cmaf-listener.js';
import { DEFAULT_LADDER, type Rung } from './hls/ladder.js';
import { PortPairs } from './inputs/port-pairs.js';
import type { TranscodeSettings } from './transcode-settings.js';

/** More slices than this make a picture worse and hardly faster. */
const MOST_THREADS = 6;
/** A ladder of six renditions of 4096x2304 takes 650 MB, of 1080p 210 MB. */
const DEFAULT_MEMORY_BYTES = 1536 * 2 ** 20;

export type TranscoderOptions = {
  /** The program; otherwise `ffmpeg` is searched in the environment's PATH. */
  ffmpegPath?: string | undefined;
  /** The process's environment, of which ffmpeg sees only what it needs. */
  environment?: NodeJS.ProcessEnv;
  /** What is encoded below the source; `off`: nothing. */
  ladder?: readonly Rung[] | 'off';
  /** Bits per second of stereo sound. */
  audioBitrate?: number;
  /** Pixels of the largest picture that a publisher may send. */
  maxPixels?: number;
  /** Resident bytes that one ffmpeg may take. */
  maxMemoryBytes?: number;
  /** Seconds between keyframes where the source does not set them. */
  segmentDuration?: number;
  videoEncoder?: VideoEncoder;
  /** DRM render node. */
  vaapiDevice?: string;
  /** libx264 preset. */
  preset?: string;
  clock: Clock;
  log: Logger;
};

/** The guest that makes every broadcast's renditions. */
export type Transcoder = BroadcastSubscriber & {
  /** What ffmpeg can read of enhanced RTMP; nothing before `start`. */
  readonly readableCodecs: CheckedFfmpeg['readableCodecs'];
  /** The program that was found. @throws before `start` */
  readonly ffmpeg: FfmpegTool;
  /**
   * Finds and checks ffmpeg and the encoder, makes the folder for its sockets.
   *
   * @throws HeadendError `ffmpeg_missing`, `ffmpeg_too_old`, `socket_folder`, with a sentence for the operator
   */
  start(): Promise<void>;
  /** Ends every encoder and the listener. Idempotent. */
  close(): Promise<void>;
};

/** @returns a transcoder that is to be started. */
export function createTranscoder(options: TranscoderOptions): Transcoder {
  const { clock } = options;
  const log = options.log.child({ module: 'transcode' });
  const listener = new CmafListener(log);
  const portPairs = new PortPairs();
  const visits = new Set<BroadcastTranscoding>();
  let checked: CheckedFfmpeg = { version: '', readableCodecs: { hevc: false, av1: false, vp9: false } };
  let settings: TranscodeSettings | undefined;
  let closed: Promise<void> | undefined;

  async function start(): Promise<void> {
    const found = await findFfmpeg(options.ffmpegPath, options.environment ?? {});
    const maxBytes = options.maxMemoryBytes ?? DEFAULT_MEMORY_BYTES;
    const ffmpeg = { ...found, memory: new MemoryGuard({ maxBytes, clock, log }) };
    checked = await checkFfmpeg(ffmpeg);
    const wanted: VideoEncoderSettings = {
      encoder: options.videoEncoder ?? 'software',
      preset: options.preset ?? 'veryfast',
      threads: Math.min(availableParallelism(), MOST_THREADS),
      vaapiDevice: options.vaapiDevice ?? DEFAULT_VAAPI_DEVICE,
    };
    const [encoder, { codecs: rtpCodecs, av1Decoder }] = await Promise.all([
      verifyVideoEncoder(ffmpeg, wanted, log),
      readableRtp(ffmpeg),
    ]);
    await listener.start();
    settings = {
      ffmpeg,
      encoder,
      ladder: options.ladder ?? DEFAULT_LADDER,
      audioBitrate: options.audioBitrate ?? 128_000,
      segmentDuration: options.segmentDuration ?? 2,
      maxPixels: options.maxPixels ?? DEFAULT_MAX_PICTURE_PIXELS,
      listener,
      rtpCodecs,
      av1Decoder,
      portPairs,
      clock,
    };
    const { version } = checked;
    log.info({ ffmpeg: ffmpeg.path, version, encoder: encoder.encoder, rtpCodecs }, 'transcoder ready');
  }

  function subscribe(broadcast: Broadcast): BroadcastSubscription {
    if (!settings || closed)
      return {
        publicationStarted: () => broadcast.fail('transcoder-failed'),
        encodeForWebrtc: () => NOTHING,
        broadcastEnded: () => Promise.resolve(),
      };
    const transcoding = new BroadcastTranscoding(broadcast, settings, log);
    visits.add(transcoding);
    return {
      publicationStarted: (source) => transcoding.publicationStarted(source),
      encodeForWebrtc: (source, destination) => transcoding.encodeForWebrtc(source, destination),
      broadcastEnded: () => transcoding.broadcastEnded().finally(() => visits.delete(transcoding)),
    };
  }

  return {
    name: 'transcode',
    get readableCodecs() {
      return checked.readableCodecs;
    },
    get ffmpeg() {
      if (!settings) throw new Error('the transcoder has not been started');
      return settings.ffmpeg;
    },
    subscribe,
    start,
    close() {
      closed ??= Promise.all([...visits].map((transcoding) => transcoding.close())).then(() =>
        listener.close(),
      );
      return closed;
    },
  };
}
