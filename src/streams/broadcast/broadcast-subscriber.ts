import type { PictureSink, SourceInfo, VideoCodec } from '../../media/index.js';
import type { LivestreamLadder } from '../livestream/livestream-ladder.js';
import type { EncoderRun, EncoderRunOptions, EncoderRunWriter } from './encoder-run.js';
import type { BroadcastEnd } from './end-reason.js';
import type { HlsDemand } from './hls-demand.js';
import type { Source } from './publication.js';

/** A broadcast as its subscribers (WHEP egress, transcode, packager) see it. */
export type Broadcast = {
  readonly id: string;
  readonly streamId: string;
  /** Unix ms; the origin of the broadcast's media timeline. Kept over restarts of the gateway. */
  readonly startedAt: number;
  /** Resumed after a restart of the gateway: names and sequence numbers continue instead of beginning at 0. */
  readonly resumed: boolean;
  /** Encoded renditions; undefined: those of the gateway. */
  readonly ladder?: LivestreamLadder | undefined;
  /** As last described by the publisher. */
  readonly source: SourceInfo | undefined;
  readonly hlsDemand: HlsDemand;
  /** Sets a health notice for the broadcaster and the operator, one per topic; undefined clears it. */
  notice(topic: string, message: string | undefined): void;
  /** Opens an encoder run and announces it to all subscribers. Resolves once its index is committed. */
  openRun(options: EncoderRunOptions): Promise<EncoderRunWriter>;
  /** Reports that viewers can play: by HLS, or by WebRTC alone where there is no HLS. Idempotent. */
  playable(): void;
  /**
   * Requests a rendition for WebRTC viewers (H.264 without B-frames, or the source's video as it is; Opus). Undefined when
   * no subscriber provides one.
   */
  encodeForWebrtc(source: Source, destination: WebrtcRenditionDestination): WebrtcRendition | undefined;
  /**
   * Renders a slate for the SFU; undefined when there are none, or the size of the picture is unknown.
   *
   * @throws when that fails
   */
  renderWebrtcSlate(codec: SlateCodec, signal: AbortSignal): Promise<WebrtcSlate | undefined>;
  /** Ends the broadcast, and its publication, after a failure that cannot be repaired. */
  fail(reason: BroadcastEnd & 'transcoder-failed'): void;
};

/** Destination of a WebRTC rendition. */
export type WebrtcRenditionDestination = {
  /** Loopback UDP ports for RTP that is encoded; RTCP uses the next higher port. */
  videoPort?: number;
  audioPort?: number;
  /** Takes video of this codec that is passed through, in place of RTP at the video port. */
  passed?: { codec: PassedVideoCodec; pictures: PictureSink };
};

/** Codecs that are passed through: H.264 to all viewers, others to those that take them. */
export type PassedVideoCodec = Extract<VideoCodec, 'h264' | 'hevc' | 'av1'>;

export type WebrtcRendition = {
  /** The source's video is forwarded unchanged; only audio is encoded. */
  readonly passthrough: boolean;
  /** False when the source's video cannot be passed through, and the destination takes no other: the rendition ends. */
  readonly isPassable: boolean;
  /** Resolves when no process is left, after `close` or a permanent failure. */
  readonly closed: Promise<void>;
  close(): void;
};

/** Codecs of slates: H.264 (constrained baseline) for all viewers, others for those of a source of that codec. */
export type SlateCodec = Exclude<VideoCodec, 'hevc'>;

/** Video that viewers see while there is no picture of the publisher; it is repeated. */
export type WebrtcSlate = {
  codec: SlateCodec;
  /** Of H.264: they precede every keyframe. */
  parameterSets: readonly Buffer[];
  /** As `CodedPicture` has them; the first is a keyframe. */
  pictures: readonly Buffer[];
  pictureDurationMs: number;
};

/** Callbacks of one subscriber during one broadcast. They must not throw. */
export type BroadcastSubscription = {
  /** Called when a publisher connects: the first, or one after a reconnect or takeover. */
  publicationStarted?(source: Source): void;
  /** Encodes a WebRTC rendition of a source. Implemented by transcode alone. */
  encodeForWebrtc?(source: Source, destination: WebrtcRenditionDestination): WebrtcRendition;
  /** Renders a slate for WebRTC viewers. Implemented by transcode alone. @throws when that fails */
  renderWebrtcSlate?(codec: SlateCodec, signal: AbortSignal): Promise<WebrtcSlate | undefined>;
  /** Called when an encoder run begins. */
  encoderRunStarted?(run: EncoderRun): void;
  /**
   * Called when a private test is about to end, before others may watch: nobody may get media from before this call, and
   * who joins from now on waits for the next keyframe.
   */
  testEnding?(): void;
  /**
   * Called when the broadcast ends. Subscribers are called in the order of subscription, each after the one before it has
   * resolved or timed out.
   */
  broadcastEnded(reason: BroadcastEnd): Promise<void>;
};

/** Module that takes part in every broadcast. */
export type BroadcastSubscriber = {
  readonly name: string;
  subscribe(broadcast: Broadcast): BroadcastSubscription;
};
