export { VIDEO_FAILURES, type Video, type VideoFailure, videoNotFound, videoPath } from './video.js';
export * from './videos.js';
