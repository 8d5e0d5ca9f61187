import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyPluginAsync } from 'fastify';
import { ref, UsersQuery, UsersResponse } from '../contract.js';
import { errorSchemas } from '../server/error-response.js';
import { READING_SECURITY } from '../server/guards.js';
import type { AuthRoutesOptions } from './auth-routes-options.js';

/** Names of accounts, for lists of moderators, bans and invitations. */
export const userRoutes: FastifyPluginAsync<Pick<AuthRoutesOptions, 'authentication' | 'guards'>> = async (
  plain,
  { authentication, guards },
) => {
  plain.withTypeProvider<TypeBoxTypeProvider>().get(
    '/users',
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'Find accounts by name or by ids',
        description:
          'Accounts that do not exist are left out, and users of the host platform. Names are public in chats.',
        tags: ['accounts'],
        security: READING_SECURITY,
        querystring: UsersQuery,
        response: { 200: ref(UsersResponse), ...errorSchemas(400, 401, 403, 429, 500, 503) },
      },
    },
    async ({ query: { name, ids } }) => {
      const { accounts } = authentication;
      const named = name === undefined ? undefined : await accounts.findByName(name);
      const known = ids === undefined ? [] : await accounts.listByIds(ids.split(','));
      return {
        users: [...(named ? [named] : []), ...known].map((user) => ({ id: user.id, name: user.name })),
      };
    },
  );
};
