import nmsLogger from 'node-media-server/src/core/logger.js';

export { default as amf } from 'node-media-server/src/protocol/amf.js';
export { default as Rtmp, type RtmpInvokeMessage } from 'node-media-server/src/protocol/rtmp.js';

// Silences the library's log: it prints received commands, which contain stream keys.
nmsLogger.log = () => {};
