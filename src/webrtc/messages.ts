import type {
  LocalTransport,
  PublisherPlan,
  RemoteTransport,
  RtcVideoCodec,
  ViewerPlan,
} from './media-plan.js';
import type { PeerEnd, PublishingPeer, ViewerEvent } from './pool-types.js';

/** What a worker is told before anything else. */
export type WorkerSettings = {
  /** UDP port for all peers of this worker. */
  port: number;
  /** The address to bind to; every interface by default. */
  bindAddress?: string;
  /** Addresses by which this host is reached from outside (NAT 1:1): they take the place of its own in candidates. */
  publicIps: string[];
  /** The Unix socket on which this worker serves its feeds to the others. */
  relayPath: string;
  timeouts: WorkerTimeouts;
};

/** ms. */
export type WorkerTimeouts = {
  /** A peer that has not connected until then is gone. */
  connectMs: number;
  /** A peer that was sent media, or owes them, and is silent for so long is gone. */
  silenceMs: number;
};

/** Where a worker finds a feed. */
export type FeedPlace = {
  feedId: string;
  /** The relay socket of the worker that has it; absent when it is the one that is told. */
  relayPath?: string;
};

/** From the gateway to a worker. `id` names a peer, an input or an output. */
export type WorkerCommand =
  | { type: 'start'; settings: WorkerSettings }
  | {
      type: 'publish';
      id: string;
      feedId: string;
      remote: RemoteTransport;
      plan: PublisherPlan;
      maximumBitrate: number;
    }
  | { type: 'offer'; id: string }
  | {
      type: 'view';
      id: string;
      channelId: string;
      remote: RemoteTransport;
      plan: ViewerPlan;
      rid?: string;
      feed?: FeedPlace;
      /** The transport of an earlier `offer` with the same id is taken. */
      offered: boolean;
    }
  | { type: 'receive-rtp'; id: string; feedId: string; video?: { codec: RtcVideoCodec }; audio?: true }
  | {
      type: 'send-rtp';
      id: string;
      feedId: string;
      videoPort?: number;
      audioPort?: number;
      srtpKey?: string;
    }
  | { type: 'send-matroska'; id: string; feedId: string; audio: boolean; zero: number }
  | { type: 'close'; id: string }
  | { type: 'select-layer'; id: string; rid?: string }
  | { type: 'set-feed'; channelId: string; feed?: FeedPlace }
  | { type: 'close-channel'; channelId: string }
  | { type: 'stats'; request: number }
  | { type: 'stop' };

/** What one worker counts since its start. */
export type WorkerStats = {
  publishers: number;
  viewers: number;
  packetsIn: number;
  packetsOut: number;
  packetsStale: number;
  retransmitted: number;
  residentBytes: number;
  cpuMicroseconds: number;
};

/** From a worker to the gateway. */
export type WorkerReport =
  | { type: 'ready' }
  | { type: 'not-ready'; message: string }
  | { type: 'answered'; id: string; local: LocalTransport }
  | { type: 'receiving'; id: string; videoPort?: number; audioPort?: number }
  | { type: 'sending'; id: string; path?: string }
  | { type: 'refused'; id: string; message: string }
  | { type: 'connected'; id: string }
  | { type: 'closed'; id: string; end: PeerEnd }
  | { type: 'source'; id: string; source: Parameters<Parameters<PublishingPeer['onSource']>[0]>[0] }
  | { type: 'media'; id: string; startedAt: number; has: { audio: boolean; video: boolean } }
  | { type: 'viewer-event'; id: string; event: ViewerEvent }
  | { type: 'stats'; request: number; stats: WorkerStats }
  | { type: 'log'; level: 'debug' | 'info' | 'warn' | 'error'; message: string; detail?: string };
