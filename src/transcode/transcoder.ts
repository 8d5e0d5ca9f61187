import { availableParallelism } from 'node:os';
import { DEFAULT_MAX_PICTURE_PIXELS } from '../media/index.js';
import { type Clock, type Logger, MemoryGuard } from '../platform/index.js';
import type { Broadcast, BroadcastSubscriber, BroadcastSubscription } from '../streams/index.js';
import { BroadcastTranscoding, NO_RENDITION } from './broadcast-transcoding.js';
import { checkFfmpeg, findFfmpeg } from './ffmpeg/ffmpeg-check.js';
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
import { SlateRenderer } from './slate/slate-renderer.js';
import { openSlateSource } from './slate/slate-source.js';
import type { TranscodeSettings } from './transcode-settings.js';

/** Maximum slices per frame: more reduce quality and hardly gain speed. */
const MAXIMUM_THREADS = 6;
/** A ladder of six renditions takes 650 MB at 4096x2304, 210 MB at 1080p. */
const DEFAULT_MEMORY_BYTES = 1536 * 2 ** 20;

export type SlateOptions = {
  /** Path of a picture or film; undefined: the last picture of the broadcast. */
  file: string | undefined;
  /** Sentence over the last picture; empty: none. */
  text: string;
  /** Returns the last picture of a broadcast as an MP4 that begins with a keyframe. */
  lastPicture(broadcast: Broadcast): Buffer[] | undefined;
};

export type TranscoderOptions = {
  /** Path of ffmpeg; PATH of `environment` is searched by default. */
  ffmpegPath?: string | undefined;
  /** Process environment; ffmpeg gets only the variables it needs. */
  environment?: NodeJS.ProcessEnv;
  /** Renditions below the source; `off`: none. */
  ladder?: readonly Rung[] | 'off';
  /** Time without HLS viewers after which encoded renditions are suspended, ms; undefined: never. */
  ladderIdleMs?: number | undefined;
  /** Bits per second of stereo audio. */
  audioBitrateBps?: number;
  /** Maximum pixels of a published frame. */
  maxPixels?: number;
  /** Maximum resident bytes of one ffmpeg. */
  maxMemoryBytes?: number;
  /** Seconds between clocked keyframes. */
  segmentDurationS?: number;
  videoEncoder?: VideoEncoder;
  /** Slates while the publisher is away: none by default. */
  slate?: SlateOptions | undefined;
  /** DRM render node. */
  vaapiDevice?: string;
  /** libx264 preset. */
  preset?: string;
  clock: Clock;
  log: Logger;
};

/** Subscriber that makes the renditions of every broadcast. */
export type Transcoder = BroadcastSubscriber & {
  /** Whether ffmpeg decodes AV1; false before `start`. */
  readonly readsAv1: boolean;
  /** The ffmpeg found. @throws before `start` */
  readonly ffmpeg: FfmpegTool;
  /**
   * Finds and checks ffmpeg and the encoder, and makes the folder for sockets.
   *
   * @throws HeadendError `ffmpeg_missing`, `ffmpeg_too_old`, `socket_folder`, `slate_unreadable`, with a sentence for the operator
   */
  start(): Promise<void>;
  /** Ends all encoders and the listener. Idempotent. */
  close(): Promise<void>;
};

/** @returns a transcoder, to be started */
export function createTranscoder(options: TranscoderOptions): Transcoder {
  const { clock } = options;
  const log = options.log.child({ module: 'transcode' });
  const listener = new CmafListener(log);
  const portPairs = new PortPairs();
  const transcodings = new Set<BroadcastTranscoding>();
  let settings: TranscodeSettings | undefined;
  let closed: Promise<void> | undefined;

  async function start(): Promise<void> {
    const found = await findFfmpeg(options.ffmpegPath, options.environment ?? {});
    const maxBytes = options.maxMemoryBytes ?? DEFAULT_MEMORY_BYTES;
    const ffmpeg = { ...found, memory: new MemoryGuard({ maxBytes, clock, log }) };
    const version = await checkFfmpeg(ffmpeg);
    const wanted: VideoEncoderSettings = {
      encoder: options.videoEncoder ?? 'software',
      preset: options.preset ?? 'veryfast',
      threads: Math.min(availableParallelism(), MAXIMUM_THREADS),
      vaapiDevice: options.vaapiDevice ?? DEFAULT_VAAPI_DEVICE,
    };
    const maxPixels = options.maxPixels ?? DEFAULT_MAX_PICTURE_PIXELS;
    const slates = options.slate && (await openSlates(ffmpeg, options.slate, { maxPixels, clock }));
    const [encoder, { codecs: rtpCodecs, av1Decoder }] = await Promise.all([
      verifyVideoEncoder(ffmpeg, wanted, log),
      readableRtp(ffmpeg),
    ]);
    await listener.start();
    settings = {
      ffmpeg,
      encoder,
      ladder: options.ladder ?? DEFAULT_LADDER,
      ladderIdleMs: options.ladderIdleMs,
      audioBitrateBps: options.audioBitrateBps ?? 128_000,
      segmentDurationS: options.segmentDurationS ?? 2,
      maxPixels,
      listener,
      rtpCodecs,
      av1Decoder,
      portPairs,
      slates,
      lastPicture: (broadcast) => options.slate?.lastPicture(broadcast),
      clock,
    };
    log.info({ ffmpeg: ffmpeg.path, version, encoder: encoder.encoder, rtpCodecs }, 'transcoder ready');
  }

  function subscribe(broadcast: Broadcast): BroadcastSubscription {
    if (!settings || closed)
      return {
        publicationStarted: () => broadcast.fail('transcoder-failed'),
        encodeForWebrtc: () => NO_RENDITION,
        broadcastEnded: () => Promise.resolve(),
      };
    const transcoding = new BroadcastTranscoding(broadcast, settings, log);
    transcodings.add(transcoding);
    return {
      publicationStarted: (source) => transcoding.publicationStarted(source),
      encodeForWebrtc: (source, destination) => transcoding.encodeForWebrtc(source, destination),
      renderWebrtcSlate: (codec, signal) => transcoding.renderWebrtcSlate(codec, signal),
      encoderRunStarted: (run) => transcoding.encoderRunStarted(run),
      testEnding: () => transcoding.testEnding(),
      broadcastEnded: () => transcoding.broadcastEnded().finally(() => transcodings.delete(transcoding)),
    };
  }

  return {
    name: 'transcode',
    get readsAv1() {
      return settings?.av1Decoder !== undefined;
    },
    get ffmpeg() {
      if (!settings) throw new Error('the transcoder has not been started');
      return settings.ffmpeg;
    },
    subscribe,
    start,
    close() {
      closed ??= Promise.all([...transcodings].map((transcoding) => transcoding.close())).then(() =>
        listener.close(),
      );
      return closed;
    },
  };
}

async function openSlates(
  ffmpeg: FfmpegTool,
  { file, text }: SlateOptions,
  limits: { maxPixels: number; clock: Clock },
): Promise<SlateRenderer> {
  const source = await openSlateSource(ffmpeg, { file, text });
  const renderer = new SlateRenderer({ ffmpeg, source, ...limits });
  await renderer.check();
  return renderer;
}
