import { ADMIN_SCHEMAS } from './admin/admin-schema.js';
import { ANALYTICS_SCHEMAS } from './analytics/analytics-schema.js';
import { AUTH_SCHEMAS } from './auth/auth-schema.js';
import { PUBLIC_CHANNEL_SCHEMAS } from './channels/public-channel-schema.js';
import { CHAT_SCHEMAS } from './chat/chat-schema.js';
import { CLIP_SCHEMAS } from './clips/clip-schema.js';
import { EXPORT_SCHEMAS } from './exports/export-schema.js';
import { STREAM_KEY_SCHEMAS } from './keys/stream-key-schema.js';
import { HEALTH_SCHEMAS } from './livestreams/livestream-health-schema.js';
import { INVITEE_SCHEMAS } from './livestreams/livestream-invitee-schema.js';
import { LIVESTREAM_SCHEMAS } from './livestreams/livestream-schema.js';
import { STATS_SCHEMAS } from './livestreams/livestream-stats-schema.js';
import { OEMBED_SCHEMAS } from './pages/oembed-schema.js';
import { QOE_SCHEMAS } from './qoe/qoe-schema.js';
import { CHAT_REPLAY_SCHEMAS } from './recordings/chat-replay-schema.js';
import { RECORDING_SCHEMAS } from './recordings/recording-schema.js';
import { RESTREAM_SCHEMAS } from './restreams/restream-schema.js';
import { SEARCH_SCHEMAS } from './search/search-schema.js';
import { ErrorResponse, SuccessResponse } from './server/common-schema.js';
import { VIDEO_SCHEMAS } from './videos/video-schema.js';
import { AUDIENCE_SCHEMAS } from './viewers/viewer-schema.js';
import { WEBHOOK_SCHEMAS } from './webhooks/webhook-schema.js';

export * from './admin/admin-schema.js';
export * from './analytics/analytics-schema.js';
export * from './auth/auth-schema.js';
export * from './channels/public-channel-schema.js';
export * from './chat/chat-schema.js';
export * from './clips/clip-schema.js';
export * from './exports/export-schema.js';
export * from './keys/stream-key-schema.js';
export * from './livestreams/livestream-health-schema.js';
export * from './livestreams/livestream-invitee-schema.js';
export * from './livestreams/livestream-schema.js';
export * from './livestreams/livestream-stats-schema.js';
export * from './pages/oembed-schema.js';
export * from './qoe/qoe-schema.js';
export * from './recordings/chat-replay-schema.js';
export * from './recordings/recording-schema.js';
export * from './restreams/restream-schema.js';
export * from './search/search-schema.js';
export * from './server/api-routes.js';
export * from './server/common-schema.js';
export * from './videos/video-schema.js';
/**
 * JSON Schemas of requests and responses: used for validation, serialization and the OpenAPI document. Browser code
 * imports their types only.
 */
export * from './viewers/viewer-schema.js';
export * from './webhooks/webhook-schema.js';

/** Schemas with an `$id`. */
export const NAMED_SCHEMAS = [
  ErrorResponse,
  ...AUTH_SCHEMAS,
  SuccessResponse,
  ...LIVESTREAM_SCHEMAS,
  ...INVITEE_SCHEMAS,
  ...STATS_SCHEMAS,
  ...ANALYTICS_SCHEMAS,
  ...ADMIN_SCHEMAS,
  ...HEALTH_SCHEMAS,
  ...RECORDING_SCHEMAS,
  ...CLIP_SCHEMAS,
  ...RESTREAM_SCHEMAS,
  ...VIDEO_SCHEMAS,
  ...AUDIENCE_SCHEMAS,
  ...STREAM_KEY_SCHEMAS,
  ...PUBLIC_CHANNEL_SCHEMAS,
  ...WEBHOOK_SCHEMAS,
  ...SEARCH_SCHEMAS,
  ...QOE_SCHEMAS,
  ...OEMBED_SCHEMAS,
  ...CHAT_SCHEMAS,
  ...CHAT_REPLAY_SCHEMAS,
  ...EXPORT_SCHEMAS,
];
