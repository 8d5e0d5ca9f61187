export { SignallingEndpoint } from './endpoint.js';
export {
  type ConnectingEnd,
  OfferLimit,
  type OfferLimits,
  type OfferRate,
  VIEWER_OFFER_LIMITS,
} from './offer-limit.js';
export type { CloseReason, SessionContent, SignallingSession } from './session-table.js';
export { addResource, prepareSignalling, sessionOf } from './signalling-routes.js';
