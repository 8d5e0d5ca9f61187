import { ErrorResponse } from './contract/common.js';
import { LIVESTREAM_SCHEMAS } from './contract/livestream.js';

/**
 * What the API takes and gives, as JSON Schema: requests are checked by these, answers are written by them, and the
 * OpenAPI document is made from them. Browser code imports the types alone.
 */
export * from './contract/common.js';
export * from './contract/livestream.js';

/** Those with a name of their own. */
export const NAMED_SCHEMAS = [ErrorResponse, ...LIVESTREAM_SCHEMAS];
