import type { preValidationAsyncHookHandler } from 'fastify';
import { PublicError } from '../../platform/index.js';
import { OFFSET_MAXIMUM } from './common-schema.js';

/** Query strings hold text: where it is a number it becomes one, so that the schema can say what numbers are right. */
export const readNumbers: preValidationAsyncHookHandler = async (request) => {
  const query = request.query as Record<string, unknown>;
  for (const [name, value] of Object.entries(query))
    if (typeof value === 'string' && /^-?\d{1,15}$/.test(value)) query[name] = Number(value);
};

/** How lists of the newest first are paged on. */
export const BEFORE_LAST = 'before, the id of the last entry so far';

/**
 * Refuses an offset that makes the database pass over too many rows, and names the cursor to use; to be run after
 * `readNumbers`.
 *
 * @param cursor how to page on: `before, the id of the oldest message so far`.
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
