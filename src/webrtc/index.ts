export { type IceServer, IceServers, type IceServersOptions } from './ice-servers.js';
export * from './media-plan.js';
export * from './pool-types.js';
export * from './sdp/index.js';
export * from './signalling/index.js';
