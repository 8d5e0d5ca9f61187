export * from './feature.js';
export { createSocketHub, type SocketHubOptions, type SocketLimits, type SocketServer } from './hub.js';
export { messageInvalid } from './message.js';
export { type SocketRoutesOptions, socketRoutes } from './routes.js';
