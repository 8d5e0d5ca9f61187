export type { OpenTarget, RestreamSource } from './broadcast-restream.js';
export { LoopGuard } from './loop-guard.js';
export type { OutputStatus, RestreamTarget, TargetOwner, TargetRequest } from './restream-target.js';
export { Restreams, type RestreamsOptions } from './restreams.js';
export { connectRtmp } from './rtmp/rtmp-connection.js';
export { connectSrt, type SrtSender } from './srt-connection.js';
export { statusFeature } from './status-feature.js';
export type { TargetConnection } from './target-connection.js';
export { connectWhip } from './whip/whip-connection.js';
