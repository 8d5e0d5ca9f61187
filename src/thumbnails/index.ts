export { ThumbnailCaptures, type ThumbnailCapturesOptions } from './thumbnail-captures.js';
