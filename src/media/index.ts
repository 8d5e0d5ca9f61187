export * from './flv-tag.js';
export * from './source-info.js';
