import type { SourceInfo } from '../../media/index.js';
import type { EncoderRun, EncoderRunOptions, EncoderRunWriter } from './encoder-run.js';
import type { BroadcastEnd } from './end-reason.js';
import type { Source } from './publication.js';

/** A broadcast as its guests (transcode, packager, later recording and WHEP) see it. */
export type Broadcast = {
  readonly id: string;
  readonly streamId: string;
  /** Unix ms; the origin of the broadcast's media timeline. Kept over restarts of the gateway. */
  readonly startedAt: number;
  /** Taken up again after a restart of the gateway: names and numbers must go on, not begin at 0. */
  readonly resumed: boolean;
  /** As last described by the publisher. */
  readonly source: SourceInfo | undefined;
  /** Says something about the broadcast's health that its broadcaster and operator should see; undefined clears it. */
  notice(topic: string, message: string | undefined): void;
  /** Transcode begins to write; readers that visited get the run. Its index is safely stored when this resolves. */
  openRun(options: EncoderRunOptions): Promise<EncoderRunWriter>;
  /** There is something that can be watched: in the packager, or by WebRTC alone where HLS is not to be had. Idempotent. */
  playable(): void;
  /**
   * Asks transcode for a rendition that WebRTC viewers can be sent (H.264 without B-frames, Opus), as RTP to ports on
   * loopback. Undefined where nobody offers it.
   */
  encodeForWebrtc(source: Source, destination: WebrtcRenditionDestination): WebrtcRendition | undefined;
  /** Nothing can be done any more for this broadcast. */
  fail(reason: BroadcastEnd & 'transcoder-failed'): void;
};

/** Where the RTP of a realtime rendition goes: ports on loopback; RTCP one further up. */
export type WebrtcRenditionDestination = { videoPort?: number; audioPort?: number };

export type WebrtcRendition = {
  /** The source's pictures are sent as they are; only the sound is encoded. */
  readonly passthrough: boolean;
  /** Resolves when no process is left, after `close` or a failure that could not be repaired. */
  readonly closed: Promise<void>;
  close(): void;
};

/** What a guest does during one broadcast. Nothing here may throw. */
export type BroadcastSubscription = {
  /** A publisher connected (the first, or one after a reconnect or takeover). */
  publicationStarted?(source: Source): void;
  /** Makes a realtime rendition of a source (transcode alone does). */
  encodeForWebrtc?(source: Source, destination: WebrtcRenditionDestination): WebrtcRendition;
  /** An encoder began to write. */
  encoderRunStarted?(run: EncoderRun): void;
  /**
   * The broadcast is ending. Guests are asked in the order in which they were invited, each when the one before it
   * has finished or has taken longer than its time.
   */
  broadcastEnded(reason: BroadcastEnd): Promise<void>;
};

/** A room that takes part in every broadcast. */
export type BroadcastSubscriber = {
  readonly name: string;
  subscribe(broadcast: Broadcast): BroadcastSubscription;
};
