import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyPluginAsync } from 'fastify';
import type { Ban, Chat } from '../../chat/index.js';
import {
  ChatBanRequest,
  ChatBanResponse,
  ChatBansResponse,
  ChatLogQuery,
  ChatLogResponse,
  ChatModeratorsResponse,
  ChatPurgeRequest,
  ChatPurgeResponse,
  ChatSettingsChange,
  ChatSettingsResponse,
  ChatUserParams,
  ref,
  StreamParams,
  SuccessResponse,
} from '../contract.js';
import { errorSchemas } from '../server/error-response.js';
import {
  ANYONE_READING_SECURITY,
  CHANGING_SECURITY,
  type Guards,
  READING_SECURITY,
} from '../server/guards.js';
import { readNumbers } from '../server/number-query.js';
import { visitorOf } from './chat-visitor.js';

export type ChatModerationRoutesOptions = {
  chat: Pick<Chat, 'moderation' | 'settings'>;
  guards: Guards;
};

/** Chat moderation by the broadcaster, the livestream's moderators and admins. */
export const chatModerationRoutes: FastifyPluginAsync<ChatModerationRoutesOptions> = async (
  plain,
  { chat: { moderation, settings }, guards },
) => {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const tags = ['chat'];
  const visitor = visitorOf(guards);
  const change = { tags, security: CHANGING_SECURITY };
  const changeErrors = errorSchemas(400, 401, 403, 404, 413, 415, 429, 500, 503);
  const read = { tags, security: READING_SECURITY };
  const readErrors = errorSchemas(400, 401, 403, 404, 500, 503);

  app.get(
    '/:streamId/chat/settings',
    {
      onRequest: guards.anyone,
      schema: {
        summary: 'Get the chat settings',
        tags,
        security: ANYONE_READING_SECURITY,
        params: StreamParams,
        response: { 200: ref(ChatSettingsResponse), ...errorSchemas(400, 401, 404, 500, 503) },
      },
    },
    async (request) => ({ settings: await settings.read(visitor(request), request.params.streamId) }),
  );

  app.patch(
    '/:streamId/chat/settings',
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'Change the chat settings (moderators)',
        ...change,
        params: StreamParams,
        body: ref(ChatSettingsChange),
        response: { 200: ref(ChatSettingsResponse), ...changeErrors },
      },
    },
    async (request) => ({
      settings: await settings.change(visitor(request), request.params.streamId, request.body),
    }),
  );

  app.get(
    '/:streamId/chat/bans',
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'List bans (moderators)',
        ...read,
        params: StreamParams,
        response: { 200: ref(ChatBansResponse), ...readErrors },
      },
    },
    async (request) => {
      const bans = await moderation.bans(visitor(request), request.params.streamId);
      return { bans: bans.map(viewOfBan) };
    },
  );

  app.post(
    '/:streamId/chat/bans',
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'Ban a user, or set a timeout (moderators)',
        description:
          'Replaces an earlier ban. The broadcaster and admins cannot be banned, and moderators cannot ban each other ' +
          '(403 `not_allowed`).',
        ...change,
        params: StreamParams,
        body: ref(ChatBanRequest),
        response: { 201: ref(ChatBanResponse), ...changeErrors, ...errorSchemas(409) },
      },
    },
    async (request, reply) => {
      const ban = await moderation.ban(visitor(request), request.params.streamId, request.body);
      return reply.code(201).send({ ban: viewOfBan(ban) });
    },
  );

  app.delete(
    '/:streamId/chat/bans/:userId',
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'Lift a ban (moderators)',
        description: '404: also `ban_not_found`.',
        ...change,
        params: ChatUserParams,
        response: { 200: ref(SuccessResponse), ...changeErrors },
      },
    },
    async (request) => {
      await moderation.unban(visitor(request), request.params.streamId, request.params.userId);
      return { success: true as const };
    },
  );

  app.post(
    '/:streamId/chat/purge',
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'Delete all messages of a user (moderators)',
        ...change,
        params: StreamParams,
        body: ref(ChatPurgeRequest),
        response: { 200: ref(ChatPurgeResponse), ...changeErrors },
      },
    },
    async (request) => {
      const { streamId } = request.params;
      const deleted = await moderation.purge(visitor(request), streamId, request.body.userId);
      return { success: true as const, deleted };
    },
  );

  app.get(
    '/:streamId/chat/moderators',
    {
      onRequest: guards.anyone,
      schema: {
        summary: 'List moderators',
        tags,
        security: ANYONE_READING_SECURITY,
        params: StreamParams,
        response: { 200: ref(ChatModeratorsResponse), ...errorSchemas(400, 401, 404, 500, 503) },
      },
    },
    async (request) => {
      const moderators = await moderation.moderators(visitor(request), request.params.streamId);
      return {
        moderators: moderators.map(({ userId, createdAt }) => ({
          userId,
          appointedAt: createdAt.toISOString(),
        })),
      };
    },
  );

  app.put(
    '/:streamId/chat/moderators/:userId',
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'Appoint a moderator (broadcaster)',
        description: 'Idempotent.',
        ...change,
        params: ChatUserParams,
        response: { 200: ref(SuccessResponse), ...changeErrors, ...errorSchemas(409) },
      },
    },
    async (request) => {
      await moderation.appoint(visitor(request), request.params.streamId, request.params.userId);
      return { success: true as const };
    },
  );

  app.delete(
    '/:streamId/chat/moderators/:userId',
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'Dismiss a moderator (broadcaster); moderators may resign',
        description: '404: also `moderator_not_found`.',
        ...change,
        params: ChatUserParams,
        response: { 200: ref(SuccessResponse), ...changeErrors },
      },
    },
    async (request) => {
      await moderation.dismiss(visitor(request), request.params.streamId, request.params.userId);
      return { success: true as const };
    },
  );

  app.get(
    '/:streamId/chat/log',
    {
      onRequest: guards.signedIn,
      preValidation: readNumbers,
      schema: {
        summary: 'Get the moderation log (moderators)',
        ...read,
        params: StreamParams,
        querystring: ChatLogQuery,
        response: { 200: ref(ChatLogResponse), ...readErrors },
      },
    },
    async (request) => {
      const entries = await moderation.log(visitor(request), request.params.streamId, request.query);
      return { entries: entries.map((entry) => ({ ...entry, createdAt: entry.createdAt.toISOString() })) };
    },
  );
};

function viewOfBan({ userId, addressHash, reason, createdBy, createdAt, until }: Ban) {
  return {
    userId,
    address: addressHash !== null,
    reason,
    createdBy,
    createdAt: createdAt.toISOString(),
    until: until?.toISOString() ?? null,
  };
}
