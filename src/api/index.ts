export { createGuards, type Guards } from './guards.js';
export * from './health-routes.js';
export * from './livestream-routes.js';
export * from './operator-guard.js';
export * from './page-routes.js';
export * from './server.js';
export type { PublicUrls } from './stream-view.js';
