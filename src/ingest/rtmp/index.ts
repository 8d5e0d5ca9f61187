export { ChunkReader } from './chunk-reader.js';
export { amf } from './node-media-server-adapter.js';
export type { Publish } from './rtmp-connection.js';
export type { RtmpLimits } from './rtmp-limits.js';
export { MESSAGE, type RtmpMessage } from './rtmp-message.js';
export { createRtmpServer, type RtmpServer, type RtmpServerOptions } from './rtmp-server.js';
