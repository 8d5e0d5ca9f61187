export { type WhepRoutesOptions, whepRoutes } from './routes.js';
export type { Viewing, ViewingEnd, ViewingEvent } from './viewing.js';
export {
  createRealtimeEgress,
  type RealtimeEgress,
  type RealtimeEgressOptions,
  type ViewingOffer,
  type ViewRequest,
} from './whep-egress.js';
