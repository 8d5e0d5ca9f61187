export { type AdminRoutesOptions, adminRoutes } from './admin/admin-routes.js';
export type { NodeHealth, NodeSettingsResponse } from './admin/admin-schema.js';
export { addAuditHook, recordAdminSignIn } from './admin/audit-hook.js';
export { type AnalyticsRoutesOptions, analyticsRoutes } from './analytics/analytics-routes.js';
export { authRoutes } from './auth/auth-routes.js';
export type { AuthRoutesOptions } from './auth/auth-routes-options.js';
export * from './auth/follow-routes.js';
export * from './channels/public-channel-routes.js';
export * from './channels/public-channels.js';
export { type ChatRoutesOptions, chatRoutes } from './chat/chat-routes.js';
export {
  type ClipRoutesOptions,
  clipRouteOptions,
  clipRoutes,
  livestreamClipRoutes,
  recordingClipRoutes,
} from './clips/clip-routes.js';
export { type ExportRoutesOptions, exportRoutes } from './exports/export-routes.js';
export * from './keys/channel-routes.js';
export { streamKeyRoutes } from './keys/stream-key-routes.js';
export * from './livestreams/livestream-api.js';
export * from './livestreams/livestream-health-routes.js';
export type { LivestreamLookup } from './livestreams/livestream-lookup.js';
export { livestreamScope } from './livestreams/livestream-scope.js';
export type { PublicUrls } from './livestreams/stream-view.js';
export * from './pages/oembed-routes.js';
export * from './pages/page-heads.js';
export * from './qoe/qoe-routes.js';
export { clipChatRoutes, recordingChatRoutes } from './recordings/chat-replay-routes.js';
export { livestreamRecordingRoutes, recordingRoutes } from './recordings/recording-routes.js';
export { livestreamTargetRoutes } from './restreams/restream-routes.js';
export * from './search/search-routes.js';
export type { ConnectionPlace, TakeConnection } from './server/connection-limit.js';
export { createGuards, type Guards } from './server/guards.js';
export * from './server/health-routes.js';
export * from './server/page-routes.js';
export * from './server/server.js';
export { videoRoutes } from './videos/video-routes.js';
export { type ViewerRoutesOptions, viewerRoutes } from './viewers/viewer-routes.js';
export * from './webhooks/webhook-routes.js';
