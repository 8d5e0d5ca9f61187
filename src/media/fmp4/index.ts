export { CmafError, type CmafErrorCode } from './cmaf-error.js';
export { type CmafHandlers, CmafScanner } from './cmaf-scanner.js';
export type { Sample } from './fragment-reader.js';
export {
  changeFragment,
  DESCRIPTION_INDEX_SIZE,
  type Fragment,
  type FragmentChange,
  fragmentDecodeTime,
  writeFragment,
} from './fragment-writer.js';
export { type TrackDescription, writeTrackInit } from './init-writer.js';
export {
  type JoinedTrack,
  MAXIMUM_REFERENCES,
  type ParameterSets,
  parameterSets,
  type SegmentReference,
  sampleDescription,
  writeMovieInit,
  writeSegmentIndex,
} from './movie-writer.js';
export { decoderConfiguration, parseTrackInit, type TrackInit } from './track-init.js';
