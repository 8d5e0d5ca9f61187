export { type HlsRoutesOptions, hlsRoutes } from './routes.js';
