export { CmafError, type CmafErrorCode } from './cmaf-error.js';
export { type CmafHandlers, CmafScanner } from './cmaf-scanner.js';
export type { Sample } from './fragment-reader.js';
export { type Fragment, writeFragment } from './fragment-writer.js';
export { type TrackDescription, writeTrackInit } from './init-writer.js';
export { parseTrackInit, type TrackInit } from './track-init.js';
