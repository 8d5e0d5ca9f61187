export * from './matroska-writer.js';
export * from './opus-head.js';
