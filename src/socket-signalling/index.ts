export { Signalling, type SignallingOptions } from './signalling.js';
export type { PeerConnection, ServiceOffer, ServiceViewing } from './viewer-connection.js';
export {
  type ActiveStream,
  type JoinedStream,
  type ServicePublication,
  type StartedBroadcast,
  type StreamConfig,
  type StreamStats,
  WebrtcService,
  type WebrtcServiceOptions,
} from './webrtc-service.js';
