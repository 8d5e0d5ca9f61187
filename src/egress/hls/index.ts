export type { CmcdSample } from './cmcd.js';
export { type DashRoutesOptions, dashRoutes } from './dash-routes.js';
export { HlsDelivery, type HlsDeliveryOptions } from './delivery/hls-delivery.js';
export { type HlsRoutesOptions, hlsRoutes } from './routes.js';
