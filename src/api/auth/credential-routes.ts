import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyPluginAsync } from 'fastify';
import { Type } from 'typebox';
import type { AccessToken } from '../../accounts/index.js';
import { PublicError } from '../../platform/index.js';
import {
  AccessTokenRequest,
  AccessTokenResponse,
  AccessTokensResponse,
  type AccessTokenView,
  Id,
  ref,
  SessionsResponse,
  SuccessResponse,
} from '../contract.js';
import { createChangeLimit } from '../server/change-limit.js';
import { errorSchemas } from '../server/error-response.js';
import { readTime } from '../server/request-time.js';
import type { AuthRoutesOptions } from './auth-routes-options.js';
import { ownSession } from './own-session.js';

const SECURITY_READING = [{ session: [] }];
const SECURITY_CHANGING = [{ session: [], csrf: [] }];
const IdParams = Type.Object({ id: Id });

/** Sessions and access tokens of the own account. */
export const credentialRoutes: FastifyPluginAsync<AuthRoutesOptions> = async (
  plain,
  { authentication, guards, clock },
) => {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const { sessions, accessTokens } = authentication;
  const tags = ['accounts'];
  app.addHook('onRequest', guards.signedIn);
  app.addHook('onRequest', createChangeLimit(guards, clock));

  app.get(
    '/tokens',
    {
      schema: {
        summary: 'List the own access tokens, newest first',
        tags,
        security: SECURITY_READING,
        response: { 200: ref(AccessTokensResponse), ...errorSchemas(401, 403, 429, 500, 503) },
      },
    },
    async (request) => {
      const { accountId } = await ownSession(request, guards, sessions);
      return { tokens: (await accessTokens.list(accountId)).map(toView) };
    },
  );

  app.post(
    '/tokens',
    {
      schema: {
        summary: 'Create an access token',
        description:
          'For programs that act as this account (Authorization: Bearer). The token is shown only in this response.',
        tags,
        security: SECURITY_CHANGING,
        body: ref(AccessTokenRequest),
        response: {
          201: ref(AccessTokenResponse),
          ...errorSchemas(400, 401, 403, 409, 413, 415, 429, 500, 503),
        },
      },
    },
    async (request, reply) => {
      const { accountId } = await ownSession(request, guards, sessions);
      const { label, expiresAt } = request.body;
      const { secret, ...token } = await accessTokens.create(accountId, {
        label: label.trim(),
        expiresAt: expiresAt === undefined ? null : readTime(expiresAt, 'expiresAt'),
      });
      return reply.code(201).send({ token: toView(token), secret });
    },
  );

  app.delete(
    '/tokens/:id',
    {
      schema: {
        summary: 'Delete an access token',
        tags,
        security: SECURITY_CHANGING,
        params: IdParams,
        response: { 200: ref(SuccessResponse), ...errorSchemas(400, 401, 403, 404, 429, 500, 503) },
      },
    },
    async (request) => {
      const { accountId } = await ownSession(request, guards, sessions);
      if (!(await accessTokens.delete(accountId, request.params.id)))
        throw new PublicError(404, 'token_not_found', 'You have no such access token.');
      return { success: true as const };
    },
  );

  app.get(
    '/sessions',
    {
      schema: {
        summary: 'List the own sessions',
        tags,
        security: SECURITY_READING,
        response: { 200: ref(SessionsResponse), ...errorSchemas(401, 403, 429, 500, 503) },
      },
    },
    async (request) => {
      const { accountId, sessionId } = await ownSession(request, guards, sessions);
      const found = await sessions.list(accountId);
      return {
        sessions: found.map((session) => ({
          ...session,
          createdAt: session.createdAt.toISOString(),
          lastSeenAt: session.lastSeenAt.toISOString(),
          expiresAt: session.expiresAt.toISOString(),
          current: session.id === sessionId,
        })),
      };
    },
  );

  app.delete(
    '/sessions',
    {
      schema: {
        summary: 'End all other sessions',
        tags,
        security: SECURITY_CHANGING,
        response: { 200: ref(SuccessResponse), ...errorSchemas(401, 403, 429, 500, 503) },
      },
    },
    async (request) => {
      const { accountId, sessionId } = await ownSession(request, guards, sessions);
      await sessions.endAllSessions(accountId, sessionId);
      return { success: true as const };
    },
  );

  app.delete(
    '/sessions/:id',
    {
      schema: {
        summary: 'End one of the own sessions',
        tags,
        security: SECURITY_CHANGING,
        params: IdParams,
        response: { 200: ref(SuccessResponse), ...errorSchemas(400, 401, 403, 404, 429, 500, 503) },
      },
    },
    async (request) => {
      const { accountId } = await ownSession(request, guards, sessions);
      if (!(await sessions.endSession(accountId, request.params.id)))
        throw new PublicError(404, 'session_not_found', 'You have no such session.');
      return { success: true as const };
    },
  );
};

function toView(token: AccessToken): AccessTokenView {
  return {
    id: token.id,
    label: token.label,
    createdAt: token.createdAt.toISOString(),
    lastUsedAt: token.lastUsedAt?.toISOString() ?? null,
    expiresAt: token.expiresAt?.toISOString() ?? null,
  };
}
