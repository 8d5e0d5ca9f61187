export * from './admission.js';
export * from './broadcast-guest.js';
export * from './encoder-run.js';
export * from './end-reason.js';
export type { Livestream, LivestreamStatus } from './livestream-table.js';
export * from './publication.js';
export * from './stream-state.js';
export * from './streams.js';
