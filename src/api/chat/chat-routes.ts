import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyPluginAsync } from 'fastify';
import type { Chat } from '../../chat/index.js';
import { PublicError } from '../../platform/index.js';
import {
  ChatHistory,
  ChatHistoryQuery,
  ChatMessageParams,
  ChatPostRequest,
  ChatPostResponse,
  ref,
  StreamParams,
  SuccessResponse,
} from '../contract.js';
import { errorSchemas } from '../server/error-response.js';
import {
  ANYONE_CHANGING_SECURITY,
  ANYONE_READING_SECURITY,
  CHANGING_SECURITY,
  type Guards,
} from '../server/guards.js';
import { boundOffset, readNumbers } from '../server/number-query.js';
import { chatModerationRoutes } from './chat-moderation-routes.js';
import { chatPollRoutes } from './chat-poll-routes.js';
import { visitorOf } from './chat-visitor.js';

export type ChatRoutesOptions = {
  chat: Pick<Chat, 'posting' | 'history' | 'moderation' | 'settings' | 'polls'>;
  guards: Guards;
};

/** Chat over HTTP, below `/api/livestream`. */
export const chatRoutes: FastifyPluginAsync<ChatRoutesOptions> = async (plain, { chat, guards }) => {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const tags = ['chat'];
  const visitor = visitorOf(guards);

  app.get(
    '/:streamId/chat',
    {
      onRequest: guards.anyone,
      preValidation: [readNumbers, boundOffset('before, the id of the oldest message so far')],
      schema: {
        summary: 'List a page of messages, oldest first',
        description:
          'Without a cursor: the newest messages. Pages by `offset` shift with every new message; pages by `before` (id of ' +
          'the oldest message received) and by `after` (id of the newest) are stable.',
        tags,
        security: ANYONE_READING_SECURITY,
        params: StreamParams,
        querystring: ChatHistoryQuery,
        response: { 200: ref(ChatHistory), ...errorSchemas(400, 401, 404, 500, 503) },
      },
    },
    async (request) => {
      const { streamId } = request.params;
      return { messages: await chat.history.page(visitor(request), streamId, request.query) };
    },
  );

  app.post(
    '/:streamId/chat',
    {
      onRequest: guards.anyone,
      config: { ownLimit: true },
      schema: {
        summary: 'Post a message',
        description:
          'Broadcast to the chat at once; the response follows when the message is stored. 403: `banned` (with end and ' +
          'reason in `details`), `members_only`, `followers_only`, `emote_only`, `links_not_allowed`, `term_blocked`. 429: ' +
          '`rate_limited`, `slow_mode`. 503: `chat_overloaded`, `temporarily_unavailable`.',
        tags,
        security: ANYONE_CHANGING_SECURITY,
        params: StreamParams,
        body: ref(ChatPostRequest),
        response: {
          201: ref(ChatPostResponse),
          ...errorSchemas(400, 401, 403, 404, 413, 415, 429, 500, 503),
        },
      },
    },
    async (request, reply) => {
      const { userId, name, message, clientId, mediaTime } = request.body;
      if (guards.principal(request).kind !== 'operator' && (userId !== undefined || name !== undefined))
        throw new PublicError(
          403,
          'not_allowed',
          'Only the operator may write on behalf of others: leave out userId and name.',
        );
      const as = userId === undefined ? undefined : { userId, name };
      const { streamId } = request.params;
      const post = { message, clientId, mediaTime, as };
      const { messageId } = await chat.posting.post(visitor(request), streamId, post);
      return reply.code(201).send({ success: true as const, messageId });
    },
  );

  app.delete(
    '/:streamId/chat/:messageId',
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'Delete a message',
        description: 'For the author and moderators. 404: also `message_not_found`.',
        tags,
        security: CHANGING_SECURITY,
        params: ChatMessageParams,
        response: { 200: ref(SuccessResponse), ...errorSchemas(400, 401, 403, 404, 429, 500, 503) },
      },
    },
    async (request) => {
      const { streamId, messageId } = request.params;
      await chat.moderation.deleteMessage(visitor(request), streamId, messageId);
      return { success: true as const };
    },
  );

  await plain.register(chatModerationRoutes, { chat, guards });
  await plain.register(chatPollRoutes, { chat, guards });
};
