import type { PictureSink, PictureState, SourceCounters, SourceInfo } from '../media/index.js';
import type {
  LocalTransport,
  PublisherPlan,
  RemoteTransport,
  RtcVideoCodec,
  ViewerPlan,
} from './media-plan.js';

/**
 * SFU interface of the gateway. A **media source** is a WHIP publisher, or RTP from an encoder on this machine. A
 * **viewer group** holds the viewers of one broadcast; it shows at most one media source at a time, which may be
 * replaced.
 */
export type WebrtcPool = {
  /** Starts the worker processes; resolves when all are ready. @throws HeadendError `webrtc_unavailable` */
  start(): Promise<void>;
  /** Closes all peers and workers. Idempotent. */
  close(): Promise<void>;

  /**
   * Answers a publisher's offer; its media become the source `mediaSourceId`.
   *
   * @throws HeadendError `webrtc_unavailable`
   */
  publish(options: PublishOptions): Promise<PublishingPeer>;
  /** Answers a viewer's offer. @throws HeadendError `webrtc_unavailable` */
  view(options: ViewOptions): Promise<ViewingPeer>;

  /** Creates an offer for a viewer, valid until the connect timeout. @throws HeadendError `webrtc_unavailable` */
  offerView(): Promise<ViewOffer>;
  /**
   * Opens UDP ports on loopback, and a writer of H.264: RTP (RFC 3550) that an encoder sends there, and the pictures
   * written, become the source `mediaSourceId`.
   */
  receiveRtp(options: ReceiveRtpOptions): Promise<RtpInput>;
  /**
   * Opens a writer of pictures that all readers of a publisher's source get in place of its video until that returns with
   * a keyframe. `codec` must be that of the source. @throws HeadendError `webrtc_unavailable`
   */
  receiveSlate(options: ReceiveSlateOptions): Promise<SlateInput>;
  /**
   * Sends a source's best video layer and audio as RTP to loopback ports; sender reports go to the next higher ports.
   */
  sendRtp(options: SendRtpOptions): Promise<RtpOutput>;
  /** Serves a source's best AV1 layer and audio as live Matroska to the first client of a Unix socket. */
  sendMatroska(options: SendMatroskaOptions): Promise<MatroskaOutput>;

  /** Switches a viewer group to a source; undefined: viewers stay connected and wait. */
  setMediaSource(viewerGroupId: string, mediaSourceId: string | undefined): void;
  /** Has viewers that join the group later begin with the next keyframe: what came before is not for them. */
  forgetMedia(viewerGroupId: string): void;
  /** Closes a viewer group and its viewers with `channel-closed`; `reason` is logged. */
  closeViewerGroup(viewerGroupId: string, reason: string): void;

  /** Returns counters for the dashboard and tests. */
  stats(): Promise<PoolStats>;
};

export type PublishOptions = {
  mediaSourceId: string;
  remote: RemoteTransport;
  plan: PublisherPlan;
  /** Bitrate limit of the publisher, bit/s (REMB), for all layers together. */
  maximumBitrate: number;
};

export type ViewOptions = {
  viewerGroupId: string;
  remote: RemoteTransport;
  plan: ViewerPlan;
  /** Initial layer; the best by default. */
  rid?: string;
};

/** Transport opened before the viewer has answered. */
export type ViewOffer = {
  readonly local: LocalTransport;
  /** Accepts the viewer's answer; `options.remote` is its transport. @throws HeadendError `webrtc_unavailable` */
  accept(options: ViewOptions): Promise<ViewingPeer>;
  close(): void;
};

/** Reason why a peer was closed. */
export type PeerEnd =
  | 'left' // DTLS close_notify of the remote side
  | 'lost' // silence timeout
  | 'never-connected'
  | 'closed' // closed by the gateway
  | 'channel-closed' // the viewer group was closed; the name is part of the viewers' wire format
  | 'worker-died';

export type Peer = {
  readonly id: string;
  readonly local: LocalTransport;
  /** Resolves when ICE and DTLS are established. Never rejects; stays pending if the peer closes before. */
  readonly connected: Promise<void>;
  /** Resolves with the reason when the peer is closed. */
  readonly closed: Promise<PeerEnd>;
  close(): void;
};

export type PublishingPeer = Peer & {
  /** Reports codec, size and rates: when they change materially, and every 5 s. Replaces the earlier listener. */
  onSource(listener: (source: Pick<SourceInfo, 'video' | 'audio'>) => void): void;
  /**
   * Reports the start of media (first keyframe or, without video, first audio packet; Unix ms), and kinds that start
   * or stop later.
   */
  onMedia(listener: (startedAt: number, has: { audio: boolean; video: boolean }) => void): void;
  /** Reports pauses of the picture; it returns with a keyframe when a slate was shown. */
  onPicture(listener: (state: PictureState) => void): void;
  /** Reports the measurements once a second: of `SourceCounters`, the fields alone. Replaces the earlier listener. */
  onCounters(listener: (counters: SourceCounters) => void): void;
  /** Reports all faults of the media when they change. */
  onFaults(listener: (faults: SourceFault[]) => void): void;
};

/** Fault of a connected publisher's media that viewers notice. */
export type SourceFault =
  | 'no-media' // no packets at all
  | 'no-playable-video' // video without any keyframe, and no audio
  | 'no-keyframe' // requested keyframes do not come
  | 'video-missing' // negotiated, but never sent
  | 'video-stopped'
  | 'audio-missing'
  | 'audio-stopped';

export type Layer = { rid: string; active: boolean; width?: number; height?: number; bitrate?: number };

export type ViewerEvent =
  | { type: 'active' } // packets are being sent
  | { type: 'inactive' } // the viewer group has no media source
  | { type: 'layers'; layers: Layer[]; current: string | undefined; chosen: string | undefined };

/** Media bytes sent so far, of a plan that asks for them. */
export type SentEvent = { type: 'sent'; bytes: number };

export type ViewingPeer = Peer & {
  /** Pins a layer; undefined: the server selects by the viewer's bandwidth. */
  selectLayer(rid: string | undefined): void;
  onEvent(listener: (event: ViewerEvent | SentEvent) => void): void;
};

export type ReceiveRtpOptions = {
  mediaSourceId: string;
  video?: { codec: RtcVideoCodec };
  /** Opus at 48 kHz. */
  audio?: true;
};

/** RTP payload types of `receiveRtp` and `sendRtp`. */
export const LOOPBACK_PAYLOAD_TYPES = { video: 96, audio: 97 } as const;

export type RtpInput = {
  /** RTCP uses the next higher port. */
  readonly videoPort?: number;
  readonly audioPort?: number;
  /** Takes pictures in place of RTP at the video port; present for a source with video. */
  readonly pictures?: PictureSink;
  /** Resolves when the input is closed, or lost with its worker. Never rejects. */
  readonly closed: Promise<void>;
  close(): void;
};

export type ReceiveSlateOptions = { mediaSourceId: string; codec: RtcVideoCodec };

export type SlateInput = {
  readonly pictures: PictureSink;
  /** Resolves when the input is closed, or lost with its worker. Never rejects. */
  readonly closed: Promise<void>;
  /** Idempotent. */
  close(): void;
};

export type SendRtpOptions = {
  mediaSourceId: string;
  videoPort?: number;
  audioPort?: number;
  /** Master key and salt (base64) for SRTP; without it, packets are sent as plain RTP. */
  srtpKey?: string;
};

export type RtpOutput = { close(): void };

export type SendMatroskaOptions = {
  mediaSourceId: string;
  audio: boolean;
  /** Unix ms of timestamp 0 in the stream. */
  zero: number;
};

/** `path` is that of the Unix socket; `close` ends the stream after the data written so far. */
export type MatroskaOutput = { readonly path: string; close(): void };

/** Counters of a worker since its start. */
export type WorkerStats = {
  publishers: number;
  viewers: number;
  packetsIn: number;
  packetsOut: number;
  /** Packets dropped because they exceeded the queue's age limit. */
  packetsStale: number;
  retransmitted: number;
  residentBytes: number;
  cpuMicroseconds: number;
};

export type PoolStats = { workers: ({ pid: number; port: number } & WorkerStats)[] };
