export type { ReadableCodecs } from './codec-refusal.js';
export type { Publish } from './rtmp-connection.js';
export type { RtmpLimits } from './rtmp-limits.js';
export { createRtmpServer, type RtmpServer, type RtmpServerOptions } from './rtmp-server.js';
