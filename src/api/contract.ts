import { AUDIENCE_SCHEMAS } from './contract/audience.js';
import { AUTH_SCHEMAS } from './contract/auth.js';
import { CHAT_SCHEMAS } from './contract/chat.js';
import { ErrorResponse, SuccessResponse } from './contract/common.js';
import { GUEST_SCHEMAS } from './contract/guest.js';
import { LIVESTREAM_SCHEMAS } from './contract/livestream.js';
import { STATS_SCHEMAS } from './contract/stats.js';
import { STREAM_KEY_SCHEMAS } from './contract/stream-key.js';
import { WEBHOOK_SCHEMAS } from './contract/webhook.js';

/**
 * What the API takes and gives, as JSON Schema: requests are checked by these, answers are written by them, and the
 * OpenAPI document is made from them. Browser code imports the types alone.
 */
export * from './contract/audience.js';
export * from './contract/auth.js';
export * from './contract/chat.js';
export * from './contract/common.js';
export * from './contract/guest.js';
export * from './contract/livestream.js';
export * from './contract/routes.js';
export * from './contract/stats.js';
export * from './contract/stream-key.js';
export * from './contract/webhook.js';

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
