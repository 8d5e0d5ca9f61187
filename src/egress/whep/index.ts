export {
  createRealtimeEgress,
  type RealtimeEgress,
  type RealtimeEgressOptions,
  type ViewingOffer,
  type ViewRequest,
} from './realtime-egress.js';
export { type WhepRoutesOptions, whepRoutes } from './routes.js';
export type { Viewing, ViewingEnd, ViewingEvent } from './viewing.js';
