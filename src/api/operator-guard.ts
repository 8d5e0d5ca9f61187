import type { onRequestAsyncHookHandler } from 'fastify';
import { type Clock, networkBlock, PublicError, RateLimit } from '../platform/index.js';

/** Wrong tokens an address may show at once, and how often it gets one more try: ten a minute. */
const FAILURES = 10;
const FAILURE_REFILL_MS = 6_000;
/** RFC 6750 section 2.1: `b64token`. */
const BEARER = /^Bearer +([A-Za-z0-9\-._~+/]+=*) *$/i;

export type OperatorGuardOptions = {
  /** Whether a token is the operator's. */
  verify: (token: string) => boolean;
  clock: Clock;
};

/**
 * Makes a hook (for `onRequest`: before any body is read) that lets only the operator pass. Answers as RFC 6750 section 3
 * says: 401 with a challenge. An address with too many wrong tokens gets 429, also for the right one, so that it learns
 * nothing from its guesses.
 */
export function createOperatorGuard({ verify, clock }: OperatorGuardOptions): onRequestAsyncHookHandler {
  const failures = new RateLimit(clock, { capacity: FAILURES, refillMs: FAILURE_REFILL_MS });
  return async (request, reply) => {
    const header = request.headers.authorization;
    if (header === undefined) {
      reply.header('www-authenticate', 'Bearer realm="headend"');
      throw new PublicError(
        401,
        'unauthorized',
        'This needs the operator token: Authorization: Bearer TOKEN.',
      );
    }
    const from = networkBlock(request.ip);
    const wait = failures.wait(from);
    if (wait > 0) {
      reply.header('retry-after', Math.ceil(wait / 1_000));
      throw new PublicError(
        429,
        'rate_limited',
        'Too many wrong tokens from your address: wait and try again.',
      );
    }
    const token = BEARER.exec(header)?.[1];
    if (token !== undefined && verify(token)) return;
    failures.take(from);
    reply.header('www-authenticate', 'Bearer realm="headend", error="invalid_token"');
    throw new PublicError(401, 'unauthorized', 'The operator token is wrong.');
  };
}
