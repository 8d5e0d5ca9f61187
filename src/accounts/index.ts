export * from './admission.js';
export * from './operator-token.js';
export * from './stream-key.js';
