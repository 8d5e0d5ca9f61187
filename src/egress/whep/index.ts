export { type WhepRoutesOptions, whepRoutes } from './routes.js';
export type { Viewing, ViewingEnd, ViewingEvent } from './viewing.js';
export {
  createWhepEgress,
  type ViewingOffer,
  type ViewRequest,
  type WhepEgress,
  type WhepEgressOptions,
} from './whep-egress.js';
