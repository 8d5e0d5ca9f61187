export { type SignallingLimits, type SignallingRoutesOptions, signallingRoutes } from './routes.js';
export {
  type ActiveStream,
  type JoinedStream,
  type PeerConnection,
  type ServicePublication,
  type ServiceViewing,
  type StartedBroadcast,
  type StreamConfig,
  type StreamStats,
  WebrtcService,
  type WebrtcServiceOptions,
} from './webrtc-service.js';
