export { type WhepRoutesOptions, whepRoutes } from './routes.js';
export type { ViewerSession, ViewerSessionEnd, ViewerSessionEvent } from './viewer-session.js';
export {
  createWhepEgress,
  type ViewerSessionOffer,
  type ViewRequest,
  type WhepEgress,
  type WhepEgressOptions,
} from './whep-egress.js';
