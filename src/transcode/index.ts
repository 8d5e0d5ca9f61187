export { openAudioMeter } from './audio-level/audio-meter.js';
export { encodeClip } from './clip-encoder.js';
export type { VideoEncoder } from './ffmpeg/video-encoder.js';
export type { Rung } from './hls/ladder.js';
export { hasSrt, openSrtOutput, SRT_CONNECT_TIMEOUT_MS } from './srt/srt-output.js';
export { createTranscoder, type Transcoder, type TranscoderOptions } from './transcoder.js';
export { InputRefused, type RefusalReason } from './vod/input-refused.js';
export * from './vod/transcode-video.js';
