export * from './box.js';
export * from './cmaf-error.js';
export * from './cmaf-scanner.js';
export * from './fragment-reader.js';
export * from './fragment-writer.js';
export * from './track-init.js';
