import type { PictureState, SourceCounters } from '../media/index.js';
import type {
  LocalTransport,
  PublisherPlan,
  RemoteTransport,
  RtcVideoCodec,
  ViewerPlan,
} from './media-plan.js';
import type {
  PeerEnd,
  PublishingPeer,
  SentEvent,
  SourceFault,
  ViewerEvent,
  WorkerStats,
} from './pool-types.js';

/** Settings of a worker, sent as its first message. */
export type WorkerSettings = {
  /** UDP port shared by all peers of the worker. */
  port: number;
  /** Bind address; all interfaces when absent. */
  bindAddress?: string;
  /** Public addresses (NAT 1:1); they replace host candidates of the same family. */
  publicIps: string[];
  /** Unix socket on which the worker serves its media sources to other workers. */
  relayPath: string;
  timeouts: WorkerTimeouts;
};

/** Timeouts, ms. */
export type WorkerTimeouts = {
  /** Closes peers that have not connected by then. */
  connectMs: number;
  /** Closes publishers that are silent, and viewers that send no RTCP while they are sent media. */
  silenceMs: number;
};

/** Location of a media source. */
export type MediaSourceLocation = {
  mediaSourceId: string;
  /** Relay socket of the worker that receives the source; absent when that is the addressed worker. */
  relayPath?: string;
};

/** Message from the gateway to a worker. `id` names a peer, an input or an output. */
export type WorkerCommand =
  | { type: 'start'; settings: WorkerSettings }
  | {
      type: 'publish';
      id: string;
      mediaSourceId: string;
      remote: RemoteTransport;
      plan: PublisherPlan;
      maximumBitrate: number;
    }
  | { type: 'offer'; id: string }
  | {
      type: 'view';
      id: string;
      viewerGroupId: string;
      remote: RemoteTransport;
      plan: ViewerPlan;
      rid?: string;
      mediaSource?: MediaSourceLocation;
      /** Uses the transport of the earlier `offer` with the same id. */
      offered: boolean;
    }
  | { type: 'receive-rtp'; id: string; mediaSourceId: string; video?: { codec: RtcVideoCodec }; audio?: true }
  | {
      type: 'send-rtp';
      id: string;
      mediaSourceId: string;
      videoPort?: number;
      audioPort?: number;
      srtpKey?: string;
    }
  | { type: 'send-matroska'; id: string; mediaSourceId: string; audio: boolean; zero: number }
  | { type: 'receive-slate'; id: string; mediaSourceId: string }
  | { type: 'close'; id: string }
  | { type: 'select-layer'; id: string; rid?: string }
  | { type: 'set-media-source'; viewerGroupId: string; mediaSource?: MediaSourceLocation }
  /** Has readers that attach later begin with the next keyframe. */
  | { type: 'forget-media'; mediaSourceId: string }
  | { type: 'close-viewer-group'; viewerGroupId: string }
  | { type: 'stats'; request: number }
  | { type: 'stop' };

/** Message from a worker to the gateway. */
export type WorkerReport =
  | { type: 'ready' }
  | { type: 'not-ready'; message: string }
  | { type: 'answered'; id: string; local: LocalTransport }
  | { type: 'receiving'; id: string; videoPort?: number; audioPort?: number; picturePath?: string }
  | { type: 'sending'; id: string; path?: string }
  | { type: 'refused'; id: string; message: string }
  | { type: 'connected'; id: string }
  | { type: 'closed'; id: string; end: PeerEnd }
  | { type: 'source'; id: string; source: Parameters<Parameters<PublishingPeer['onSource']>[0]>[0] }
  | { type: 'media'; id: string; startedAt: number; has: { audio: boolean; video: boolean } }
  | { type: 'picture'; id: string; state: PictureState }
  | { type: 'counters'; id: string; counters: SourceCounters }
  | { type: 'faults'; id: string; faults: SourceFault[] }
  | { type: 'viewer-event'; id: string; event: ViewerEvent | SentEvent }
  | { type: 'stats'; request: number; stats: WorkerStats }
  | { type: 'log'; level: 'debug' | 'info' | 'warn' | 'error'; message: string; detail?: string };
