export { OfferLimit, type OfferRate } from './offer-limit.js';
export { type SessionContent, SessionTable, type SignallingSession } from './session-table.js';
export {
  addMethods,
  addSessionResource,
  followUpLimit,
  offerOf,
  prepareSignalling,
  SDP_TYPE,
  sendAnswer,
  sessionOf,
} from './signalling-routes.js';
