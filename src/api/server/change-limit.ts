import type { onRequestAsyncHookHandler } from 'fastify';
import { userIdOf } from '../../accounts/index.js';
import { type Clock, networkBlock, PublicError, RateLimit } from '../../platform/index.js';
import type { Guards } from './guards.js';

/** Changes per account or address: burst, then one per refill interval in ms. */
const CHANGES = { capacity: 60, refillMs: 1_000 };
const READING = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Creates an `onRequest` hook, to run after a guard, that refuses floods of changes with 429. The operator acts for
 * many users and is not limited.
 */
export function createChangeLimit(
  guards: Pick<Guards, 'principal'>,
  clock: Clock,
): onRequestAsyncHookHandler {
  const changes = new RateLimit(clock, CHANGES);
  return async (request) => {
    if (READING.has(request.method)) return;
    const principal = guards.principal(request);
    if (principal.kind === 'operator') return;
    const userId = userIdOf(principal);
    const waitMs = changes.take(userId === undefined ? networkBlock(request.ip) : `user ${userId}`);
    if (waitMs === 0) return;
    throw new PublicError(429, 'rate_limited', 'Too many requests: wait and try again.', {
      retryAfter: Math.ceil(waitMs / 1_000),
    });
  };
}
