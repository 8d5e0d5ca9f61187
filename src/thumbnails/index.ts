export { ThumbnailCaptures, type ThumbnailCapturesOptions } from './thumbnail-captures.js';
export * from './thumbnail-store.js';
