export { admitToRecording } from './admit-to-recording.js';
export { type RewindRoutesOptions, rewindRoutes } from './rewind-routes.js';
export { type RecordingMediaRoutesOptions, recordingMediaRoutes } from './routes.js';
