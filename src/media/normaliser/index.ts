export * from './aac-normaliser.js';
export * from './create-video-normaliser.js';
export { readH264ParameterSets } from './h264-syntax.js';
export { readHevcParameterSets, readHevcShownSize } from './hevc-syntax.js';
export * from './pace.js';
export * from './presentation-times.js';
export { withCompositionTime } from './tag-header.js';
export * from './video-normaliser.js';
