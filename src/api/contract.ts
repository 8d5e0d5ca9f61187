import { AUTH_SCHEMAS } from './auth/auth-schema.js';
import { CHAT_SCHEMAS } from './chat/chat-schema.js';
import { STREAM_KEY_SCHEMAS } from './keys/stream-key-schema.js';
import { GUEST_SCHEMAS } from './livestreams/livestream-invitee-schema.js';
import { LIVESTREAM_SCHEMAS } from './livestreams/livestream-schema.js';
import { STATS_SCHEMAS } from './livestreams/livestream-stats-schema.js';
import { ErrorResponse, SuccessResponse } from './server/common-schema.js';
import { AUDIENCE_SCHEMAS } from './viewers/viewer-schema.js';
import { WEBHOOK_SCHEMAS } from './webhooks/webhook-schema.js';

export * from './auth/auth-schema.js';
export * from './chat/chat-schema.js';
export * from './keys/stream-key-schema.js';
export * from './livestreams/livestream-invitee-schema.js';
export * from './livestreams/livestream-schema.js';
export * from './livestreams/livestream-stats-schema.js';
export * from './server/api-routes.js';
export * from './server/common-schema.js';
/**
 * What the API takes and gives, as JSON Schema: requests are checked by these, answers are written by them, and the
 * OpenAPI document is made from them. Browser code imports the types alone.
 */
export * from './viewers/viewer-schema.js';
export * from './webhooks/webhook-schema.js';

/** Those with a name of their own. */
export const NAMED_SCHEMAS = [
  ErrorResponse,
  ...AUTH_SCHEMAS,
  SuccessResponse,
  ...LIVESTREAM_SCHEMAS,
  ...GUEST_SCHEMAS,
  ...STATS_SCHEMAS,
  ...AUDIENCE_SCHEMAS,
  ...STREAM_KEY_SCHEMAS,
  ...WEBHOOK_SCHEMAS,
  ...CHAT_SCHEMAS,
];
