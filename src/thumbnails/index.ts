export { ThumbnailCaptures, type ThumbnailCapturesOptions } from './thumbnail-captures.js';
export { renderThumbnail, renderTiles } from './thumbnail-renderer.js';
export * from './thumbnail-store.js';
