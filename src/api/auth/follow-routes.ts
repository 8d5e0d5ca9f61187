import cors from '@fastify/cors';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyPluginAsync } from 'fastify';
import { Type } from 'typebox';
import type { Authentication } from '../../accounts/index.js';
import type { Clock } from '../../platform/index.js';
import { FollowResponse, ONE_LINE, ref } from '../contract.js';
import { createChangeLimit } from '../server/change-limit.js';
import { errorSchemas } from '../server/error-response.js';
import { CHANGING_SECURITY, type Guards, READING_SECURITY } from '../server/guards.js';

/** Lifetime of preflight responses in browsers, in s. */
const PREFLIGHT_MAX_AGE_S = 600;
const PATH = '/api/users/:userId/follow';
const UserParams = Type.Object({
  userId: Type.String({ minLength: 1, maxLength: 200, pattern: ONE_LINE }),
});

export type FollowRoutesOptions = {
  follows: Pick<Authentication['follows'], 'follow' | 'unfollow' | 'isFollowing'>;
  guards: Guards;
  clock: Clock;
};

/**
 * `/api/users/:userId/follow`: following a user, whose chats may be restricted to followers. CORS without
 * credentials: any website may send a token.
 */
export const followRoutes: FastifyPluginAsync<FollowRoutesOptions> = async (plain, options) => {
  const { follows, guards, clock } = options;
  await plain.register(cors, {
    origin: '*',
    methods: ['GET', 'HEAD', 'PUT', 'DELETE'],
    allowedHeaders: ['authorization', 'content-type'],
    exposedHeaders: ['retry-after', 'x-request-id'],
    maxAge: PREFLIGHT_MAX_AGE_S,
  });
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const tags = ['follows'];
  const params = UserParams;
  app.addHook('onRequest', guards.signedIn);
  app.addHook('onRequest', createChangeLimit(guards, clock));
  app.addHook('onSend', async (_request, reply) => {
    reply.header('cache-control', 'no-store');
  });

  app.get(
    PATH,
    {
      schema: {
        summary: 'Get whether the caller follows a user',
        tags,
        security: READING_SECURITY,
        params,
        response: { 200: ref(FollowResponse), ...errorSchemas(400, 401, 403, 429, 500, 503) },
      },
    },
    async (request) => ({
      following: await follows.isFollowing(guards.userId(request), request.params.userId),
    }),
  );

  app.put(
    PATH,
    {
      schema: {
        summary: 'Follow a user',
        description: 'Idempotent.',
        tags,
        security: CHANGING_SECURITY,
        params,
        response: { 200: ref(FollowResponse), ...errorSchemas(400, 401, 403, 409, 429, 500, 503) },
      },
    },
    async (request) => {
      await follows.follow(guards.userId(request), request.params.userId);
      return { following: true };
    },
  );

  app.delete(
    PATH,
    {
      schema: {
        summary: 'Unfollow a user',
        tags,
        security: CHANGING_SECURITY,
        params,
        response: { 200: ref(FollowResponse), ...errorSchemas(400, 401, 403, 429, 500, 503) },
      },
    },
    async (request) => {
      await follows.unfollow(guards.userId(request), request.params.userId);
      return { following: false };
    },
  );
};
