import nmsLogger from 'node-media-server/src/core/logger.js';

export { default as amf } from 'node-media-server/src/protocol/amf.js';
export { default as Rtmp, type RtmpInvokeMessage } from 'node-media-server/src/protocol/rtmp.js';

// It prints what it was sent to standard output, and that names stream keys.
nmsLogger.log = () => {};
