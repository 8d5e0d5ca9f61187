import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyPluginAsync } from 'fastify';
import { Type } from 'typebox';
import type { Authentication } from '../accounts/index.js';
import { FollowResponse, ONE_LINE, ref } from './contract.js';
import { errorSchemas } from './error-answer.js';
import { CHANGING_SECURITY, type Guards, READING_SECURITY } from './guards.js';

const PATH = '/api/users/:userId/follow';
const UserParams = Type.Object({
  userId: Type.String({ minLength: 1, maxLength: 200, pattern: ONE_LINE }),
});

export type FollowRoutesOptions = {
  follows: Pick<Authentication['follows'], 'follow' | 'unfollow' | 'isFollowing'>;
  guards: Guards;
};

/** `/api/users/:userId/follow`: whether I follow somebody. Chat of theirs may be for followers alone. */
export const followRoutes: FastifyPluginAsync<FollowRoutesOptions> = async (plain, { follows, guards }) => {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const tags = ['follows'];
  const params = UserParams;
  app.addHook('onRequest', guards.signedIn);
  app.addHook('onSend', async (_request, reply) => {
    reply.header('cache-control', 'no-store');
  });

  app.get(
    PATH,
    {
      schema: {
        summary: 'Whether I follow somebody',
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
        summary: 'Follow somebody',
        description: 'Following them again changes nothing.',
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
        summary: 'Follow somebody no more',
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
