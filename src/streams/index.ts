export * from './admission.js';
export * from './broadcast-guest.js';
export * from './encoder-run.js';
export * from './end-reason.js';
export * from './publication.js';
export * from './stream-state.js';
