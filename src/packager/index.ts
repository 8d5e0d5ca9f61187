export { createPackager, type Packager, type PackagerOptions } from './packager.js';
export type { Presentation } from './presentation.js';
export { type Answer, RenditionFeed } from './rendition-feed.js';
export type { Wait, WaitOutcome } from './waiting-room.js';
