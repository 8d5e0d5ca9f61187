export * from './feature.js';
export { createRealtime, type Realtime, type RealtimeLimits, type RealtimeOptions } from './hub.js';
export { messageInvalid } from './message.js';
export { type RealtimeRoutesOptions, realtimeRoutes } from './routes.js';
