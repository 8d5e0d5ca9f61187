export { type EndpointLimits, SignallingEndpoint } from './endpoint.js';
export { OfferLimit, type OfferRate } from './offer-limit.js';
export type { CloseReason, SessionContent, SignallingSession } from './session-table.js';
export { addResource, prepareSignalling, sessionOf } from './signalling-routes.js';
