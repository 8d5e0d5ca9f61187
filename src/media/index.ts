export * from './aac-configuration.js';
export * from './flv-audio-tag.js';
export * from './flv-tag.js';
export * from './flv-video-tag.js';
export * from './fmp4/index.js';
export * from './h264-configuration.js';
export * from './source-info.js';
export * from './timestamp-distance.js';
