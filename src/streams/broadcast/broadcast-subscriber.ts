import type { SourceInfo } from '../../media/index.js';
import type { EncoderRun, EncoderRunOptions, EncoderRunWriter } from './encoder-run.js';
import type { BroadcastEnd } from './end-reason.js';
import type { Source } from './publication.js';

/** A broadcast as its subscribers (WHEP egress, transcode, packager) see it. */
export type Broadcast = {
  readonly id: string;
  readonly streamId: string;
  /** Unix ms; the origin of the broadcast's media timeline. Kept over restarts of the gateway. */
  readonly startedAt: number;
  /** Resumed after a restart of the gateway: names and sequence numbers continue instead of beginning at 0. */
  readonly resumed: boolean;
  /** As last described by the publisher. */
  readonly source: SourceInfo | undefined;
  /** Sets a health notice for the broadcaster and the operator, one per topic; undefined clears it. */
  notice(topic: string, message: string | undefined): void;
  /** Opens an encoder run and announces it to all subscribers. Resolves once its index is committed. */
  openRun(options: EncoderRunOptions): Promise<EncoderRunWriter>;
  /** Reports that viewers can play: by HLS, or by WebRTC alone where there is no HLS. Idempotent. */
  playable(): void;
  /**
   * Requests a rendition for WebRTC viewers (H.264 without B-frames, Opus), sent as RTP to loopback ports. Undefined
   * when no subscriber provides one.
   */
  encodeForWebrtc(source: Source, destination: WebrtcRenditionDestination): WebrtcRendition | undefined;
  /** Ends the broadcast, and its publication, after a failure that cannot be repaired. */
  fail(reason: BroadcastEnd & 'transcoder-failed'): void;
};

/** Loopback UDP ports for the RTP of a WebRTC rendition; RTCP uses the next higher port. */
export type WebrtcRenditionDestination = { videoPort?: number; audioPort?: number };

export type WebrtcRendition = {
  /** The source's video is forwarded unchanged; only audio is encoded. */
  readonly passthrough: boolean;
  /** Resolves when no process is left, after `close` or a permanent failure. */
  readonly closed: Promise<void>;
  close(): void;
};

/** Callbacks of one subscriber during one broadcast. They must not throw. */
export type BroadcastSubscription = {
  /** Called when a publisher connects: the first, or one after a reconnect or takeover. */
  publicationStarted?(source: Source): void;
  /** Encodes a WebRTC rendition of a source. Implemented by transcode alone. */
  encodeForWebrtc?(source: Source, destination: WebrtcRenditionDestination): WebrtcRendition;
  /** Called when an encoder run begins. */
  encoderRunStarted?(run: EncoderRun): void;
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
