export * from './admission.js';
export * from './operator-token.js';
export * from './principal.js';
export * from './stream-key.js';
