import cors from '@fastify/cors';
import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import { type Clock, networkBlock, PublicError, RateLimit } from '../../platform/index.js';
import type { Guards } from '../server/guards.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route has a limit of its own, fit for what it does: the general one for changes does not count it. */
    ownLimit?: boolean;
  }
}

const PREFIX = '/api/livestream';
/** How long a browser may remember the answer to a preflight request, in seconds. */
const PREFLIGHT_S = 600;
/** Requests that change something, from one address: so many at once, and one more after so many ms. */
const CHANGES = 60;
const CHANGE_REFILL_MS = 100;
const READING = new Set(['GET', 'HEAD', 'OPTIONS']);

export type LivestreamScopeOptions = {
  guards: Guards;
  clock: Clock;
  /** Registers the routes; their addresses count from `/api/livestream`. */
  routes(scope: FastifyInstance): Promise<void>;
};

/**
 * What all routes below `/api/livestream` share: any website may ask with a token (CORS without credentials: a cookie
 * counts for our own pages alone), nothing is stored on the way that does not say so, and floods of changes are refused
 * with 429. The operator's server speaks for many people: it is not limited.
 */
export const livestreamScope: FastifyPluginAsync<LivestreamScopeOptions> = async (app, options) => {
  const { guards, clock } = options;
  const changes = new RateLimit(clock, { capacity: CHANGES, refillMs: CHANGE_REFILL_MS });
  await app.register(
    async (scope) => {
      await scope.register(cors, {
        origin: '*',
        methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
        allowedHeaders: ['authorization', 'content-type'],
        exposedHeaders: ['etag', 'retry-after', 'x-request-id'],
        maxAge: PREFLIGHT_S,
      });
      scope.addHook('onRequest', async (request, reply) => {
        if (READING.has(request.method) || request.routeOptions.config.ownLimit) return;
        await guards.anyone.call(scope, request, reply);
        if (guards.principal(request).kind === 'operator') return;
        const wait = changes.take(networkBlock(request.ip));
        if (wait === 0) return;
        reply.header('retry-after', Math.ceil(wait / 1_000));
        throw new PublicError(
          429,
          'rate_limited',
          'Too many requests from your address: wait and try again.',
        );
      });
      scope.addHook('onSend', async (_request, reply) => {
        if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store');
      });
      await options.routes(scope);
    },
    { prefix: PREFIX },
  );
};
