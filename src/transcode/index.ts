export type { Rung } from './ladder.js';
export { createTranscoder, type Transcoder, type TranscoderOptions } from './transcoder.js';
export type { VideoEncoder } from './video-encoder.js';
