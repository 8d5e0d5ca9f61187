export type { Wait, WaitOutcome } from './blocking-requests.js';
export { type Answer, HlsRendition } from './hls-rendition.js';
export { createPackager, type Packager, type PackagerOptions } from './packager.js';
export type { Presentation } from './presentation.js';
