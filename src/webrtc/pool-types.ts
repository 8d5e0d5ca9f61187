import type { SourceInfo } from '../media/index.js';
import type {
  LocalTransport,
  PublisherPlan,
  RemoteTransport,
  RtcVideoCodec,
  ViewerPlan,
} from './media-plan.js';

/**
 * The SFU as the gateway sees it. Words: a **feed** is one source of media (a WHIP publisher, or RTP from an encoder on
 * this machine); a **channel** is what viewers watch (one a broadcast), fed by at most one feed at a time, which may
 * change under them.
 */
export type WebrtcPool = {
  /** Starts the worker processes; resolves when all are ready. */
  start(): Promise<void>;
  /** Ends every peer and worker. Idempotent. */
  close(): Promise<void>;

  /** Answers a publisher's offer; its media become the feed `feedId`. @throws HeadendError `webrtc_unavailable` */
  publish(options: PublishOptions): Promise<PublishingPeer>;
  /** Answers a viewer's offer. @throws HeadendError `webrtc_unavailable` */
  view(options: ViewOptions): Promise<ViewingPeer>;

  /** For signalling in which the server offers: a transport that waits for a viewer's answer, for some seconds. */
  offerView(): Promise<ViewOffer>;
  /** Opens ports on loopback; the RTP (RFC 3550) that an encoder sends there becomes the feed `feedId`. */
  receiveRtp(options: ReceiveRtpOptions): Promise<RtpInput>;
  /** Sends a feed's best layer and its sound as RTP to ports on loopback, with sender reports on the odd ones. */
  sendRtp(options: SendRtpOptions): Promise<RtpOutput>;
  /** Serves a feed's best layer of AV1 and its audio as live Matroska to the first connection to a Unix socket. */
  sendMatroska(options: SendMatroskaOptions): Promise<MatroskaOutput>;

  /** What a channel's viewers see from now on; undefined: nothing yet, they stay connected and wait. */
  setFeed(channelId: string, feedId: string | undefined): void;
  /** The channel is over: its viewers are disconnected with this reason. */
  closeChannel(channelId: string, reason: string): void;

  /** For the dashboard and tests. */
  stats(): Promise<PoolStats>;
};

export type PublishOptions = {
  feedId: string;
  remote: RemoteTransport;
  plan: PublisherPlan;
  /** Bits per second that the publisher is allowed (REMB); all layers together. */
  maximumBitrate: number;
};

export type ViewOptions = {
  channelId: string;
  remote: RemoteTransport;
  plan: ViewerPlan;
  /** The layer to begin with; the best by default. */
  rid?: string;
};

/** A transport that was opened before the viewer has said anything. */
export type ViewOffer = {
  readonly local: LocalTransport;
  /** Takes the viewer's answer; `options.remote` is its transport. @throws HeadendError `webrtc_unavailable` */
  accept(options: ViewOptions): Promise<ViewingPeer>;
  close(): void;
};

/** Why a peer is gone. */
export type PeerEnd =
  | 'left' // the remote side said goodbye (DTLS close_notify)
  | 'lost' // it is silent
  | 'never-connected'
  | 'closed' // by us
  | 'channel-closed'
  | 'worker-died';

export type Peer = {
  readonly id: string;
  readonly local: LocalTransport;
  /** Resolves when ICE and DTLS are done. Never rejects; stays open if the peer ends before. */
  readonly connected: Promise<void>;
  /** Resolves with the reason when the peer is gone. */
  readonly closed: Promise<PeerEnd>;
  close(): void;
};

export type PublishingPeer = Peer & {
  /** Calls back with what arrives, when it changes materially and then every few seconds. Replaces earlier listeners. */
  onSource(listener: (source: Pick<SourceInfo, 'video' | 'audio'>) => void): void;
  /** Calls back when the first keyframe (or, without video, the first sound) is there, with its time (Unix ms). */
  onMedia(listener: (startedAt: number, has: { audio: boolean; video: boolean }) => void): void;
};

export type Layer = { rid: string; active: boolean; width?: number; height?: number; bitrate?: number };

export type ViewerEvent =
  | { type: 'active' } // media flows (again)
  | { type: 'inactive' } // the channel has no feed at the moment
  | { type: 'layers'; layers: Layer[]; current: string | undefined; chosen: string | undefined };

export type ViewingPeer = Peer & {
  /** Undefined: the server chooses by what the viewer's network takes. */
  selectLayer(rid: string | undefined): void;
  onEvent(listener: (event: ViewerEvent) => void): void;
};

export type ReceiveRtpOptions = {
  feedId: string;
  video?: { codec: RtcVideoCodec };
  /** Opus, 48 kHz. */
  audio?: true;
};

/** Payload types that encoders use towards `receiveRtp`, and that `sendRtp` uses. */
export const LOOPBACK_PAYLOAD_TYPES = { video: 96, audio: 97 } as const;

export type RtpInput = {
  readonly videoPort?: number;
  readonly audioPort?: number /** One further up is RTCP. */;
  close(): void;
};

export type SendRtpOptions = {
  feedId: string;
  videoPort?: number;
  audioPort?: number;
  /** The packets are SRTP with this master key and salt, base64. */
  srtpKey?: string;
};

export type RtpOutput = { close(): void };

export type SendMatroskaOptions = {
  feedId: string;
  audio: boolean;
  /** Unix ms that is 0 in the stream. */
  zero: number;
};

/** `close` ends the stream behind what was sent. */
export type MatroskaOutput = { readonly path: string; close(): void };

export type PoolStats = {
  workers: {
    pid: number;
    port: number;
    publishers: number;
    viewers: number;
    packetsIn: number;
    packetsOut: number;
    /** Dropped because they were older than the queue's time limit. */
    packetsStale: number;
    retransmitted: number;
    residentBytes: number;
    cpuMicroseconds: number;
  }[];
};
