export * from './feature.js';
export { createSocketHub, type SocketHub_, type SocketHubOptions, type SocketLimits } from './hub.js';
export { messageInvalid } from './message.js';
export { type SocketRoutesOptions, socketRoutes } from './routes.js';
