export type { VideoEncoder } from './ffmpeg/video-encoder.js';
export type { Rung } from './hls/ladder.js';
export { createTranscoder, type Transcoder, type TranscoderOptions } from './transcoder.js';
