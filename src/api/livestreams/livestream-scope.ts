import cors from '@fastify/cors';
import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import { type Clock, networkBlock, PublicError, RateLimit } from '../../platform/index.js';
import type { Guards } from '../server/guards.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route has a rate limit of its own; the general limit of changes does not count it. */
    ownLimit?: boolean;
  }
}

const PREFIX = '/api/livestream';
/** Lifetime of preflight responses in browsers, in s. */
const PREFLIGHT_MAX_AGE_S = 600;
/** Limit of changes per address: burst, then one per refill interval in ms. */
const CHANGES = 60;
const CHANGE_REFILL_MS = 100;
const READING = new Set(['GET', 'HEAD', 'OPTIONS']);

export type LivestreamScopeOptions = {
  guards: Guards;
  clock: Clock;
  /** Default: `/api/livestream`. */
  path?: string;
  /** Registers routes relative to the path. */
  routes(scope: FastifyInstance): Promise<void>;
};

/**
 * Shared behaviour of the routes of livestreams and recordings: CORS without credentials (cookies count for pages of this server only),
 * `Cache-Control: no-store` by default, and 429 for floods of changes. The operator acts for many users and is not
 * limited.
 */
export const livestreamScope: FastifyPluginAsync<LivestreamScopeOptions> = async (app, options) => {
  const { guards, clock, path = PREFIX } = options;
  const changes = new RateLimit(clock, { capacity: CHANGES, refillMs: CHANGE_REFILL_MS });
  await app.register(
    async (scope) => {
      await scope.register(cors, {
        origin: '*',
        methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
        allowedHeaders: ['authorization', 'content-type'],
        exposedHeaders: ['etag', 'retry-after', 'x-request-id'],
        maxAge: PREFLIGHT_MAX_AGE_S,
      });
      scope.addHook('onRequest', async (request, reply) => {
        if (READING.has(request.method) || request.routeOptions.config.ownLimit) return;
        await guards.anyone.call(scope, request, reply);
        if (guards.principal(request).kind === 'operator') return;
        const waitMs = changes.take(networkBlock(request.ip));
        if (waitMs === 0) return;
        reply.header('retry-after', Math.ceil(waitMs / 1_000));
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
    { prefix: path },
  );
};
