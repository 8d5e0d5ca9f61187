export * from './backoff.js';
export * from './clock.js';
export * from './error.js';
export * from './log.js';
export * from './project-root.js';
