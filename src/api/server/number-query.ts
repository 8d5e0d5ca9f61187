import type { preValidationAsyncHookHandler } from 'fastify';
import { PublicError } from '../../platform/index.js';
import { OFFSET_MAXIMUM } from './common-schema.js';

/** Converts numeric query parameters to numbers, so that the schema can check their range. */
export const readNumbers: preValidationAsyncHookHandler = async (request) => {
  const query = request.query as Record<string, unknown>;
  for (const [name, value] of Object.entries(query))
    if (typeof value === 'string' && /^-?\d{1,15}$/.test(value)) query[name] = Number(value);
};

/** Cursor of lists with the newest entry first. */
export const BEFORE_LAST = 'before, the id of the last entry so far';

/**
 * Refuses an `offset` above the maximum and names the cursor to use instead; to be run after `readNumbers`.
 *
 * @param cursor parameter and value to page by, such as `before, the id of the oldest message so far`.
 */
export function boundOffset(cursor: string): preValidationAsyncHookHandler {
  return async (request) => {
    const { offset } = request.query as { offset?: unknown };
    if (typeof offset !== 'number' || offset <= OFFSET_MAXIMUM) return;
    const message = `offset must be at most ${OFFSET_MAXIMUM}: page on with ${cursor}`;
    throw new PublicError(400, 'validation_failed', `The request is not valid: ${message}.`, [
      { field: 'offset', message },
    ]);
  };
}
