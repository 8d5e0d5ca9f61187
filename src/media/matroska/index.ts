export * from './matroska-writer.js';
