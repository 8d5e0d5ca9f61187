export * from './http-signalling/index.js';
export { type IceServer, IceServers, type IceServersOptions } from './ice-servers.js';
export * from './media-plan.js';
export { createWebrtcPool, type WebrtcPoolOptions } from './pool.js';
export * from './pool-types.js';
export * from './sdp/index.js';
