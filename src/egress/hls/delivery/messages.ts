import type { ViewerProtocol } from '../../../streams/index.js';
import type { CmcdSample } from '../cmcd.js';

/** Timeouts of client connections, equal to those of the gateway's own server. */
export type ConnectionTimeouts = {
  /** For the request line and headers. */
  headersTimeoutMs: number;
  /** For the whole request. */
  requestTimeoutMs: number;
  /** For a connection without traffic in either direction. */
  silenceTimeoutMs: number;
  /** For a connection without a request. */
  keepAliveTimeoutMs: number;
  /** Interval at which these timeouts are checked. */
  timeoutCheckMs: number;
  /** Grace period on close for requests in progress. */
  closeWithinMs: number;
};

export type DeliverySettings = {
  /** Unix socket of the gateway. */
  socketPath: string;
  timeouts: ConnectionTimeouts;
};

/** Viewer whose playlist requests were answered without the gateway. */
export type SeenViewer = [streamId: string, token: string, protocol: ViewerProtocol];

/** Message of the gateway to a delivery process. */
export type DeliveryCommand =
  | { type: 'start'; settings: DeliverySettings }
  /** Comes with the socket. `head` was read from it. */
  | { type: 'connection'; id: number; head: Uint8Array }
  /** These viewers may not be answered without the gateway any more. */
  | { type: 'unknown-viewers'; tokens: string[] }
  | { type: 'stop' };

/** Message of a delivery process to the gateway. */
export type DeliveryReport =
  | { type: 'ready' }
  | { type: 'closed'; ids: number[] }
  | { type: 'seen-viewers'; viewers: SeenViewer[] }
  /** Client data of requests that were answered without the gateway. */
  | { type: 'cmcd'; samples: CmcdSample[] }
  /** Share of time in which its event loop is busy, from 0 to 1. */
  | { type: 'load'; utilization: number }
  | { type: 'failure'; message: string };

/**
 * Header with the address of the client, from a delivery process. Only the gateway's Unix socket reads it; a client's own
 * is removed.
 */
export const PEER_ADDRESS_HEADER = 'x-headend-peer-address';
