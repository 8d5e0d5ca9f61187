import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyPluginAsync } from 'fastify';
import { Type } from 'typebox';
import type { Chat } from '../../chat/index.js';
import {
  ChatPollParams,
  ChatPollRequest,
  ChatPollResponse,
  ChatPollsResponse,
  ChatVoteRequest,
  ref,
  StreamParams,
} from '../contract.js';
import { errorSchemas } from '../server/error-response.js';
import { ANYONE_READING_SECURITY, CHANGING_SECURITY, type Guards } from '../server/guards.js';
import { visitorOf } from './chat-visitor.js';

/** Polls per response, newest first. */
const MAXIMUM_POLLS = 50;

export type ChatPollRoutesOptions = { chat: Pick<Chat, 'polls'>; guards: Guards };

/** Polls in the chat of a livestream. */
export const chatPollRoutes: FastifyPluginAsync<ChatPollRoutesOptions> = async (
  plain,
  { chat: { polls }, guards },
) => {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const tags = ['chat'];
  const visitor = visitorOf(guards);
  const errors = errorSchemas(400, 401, 403, 404, 409, 413, 415, 429, 500, 503);

  app.get(
    '/:streamId/chat/polls',
    {
      onRequest: guards.anyone,
      schema: {
        summary: 'List the newest polls with their results',
        tags,
        security: ANYONE_READING_SECURITY,
        params: StreamParams,
        response: { 200: ref(ChatPollsResponse), ...errorSchemas(400, 401, 404, 500, 503) },
      },
    },
    async (request) => ({
      polls: await polls.list(visitor(request), request.params.streamId, MAXIMUM_POLLS),
    }),
  );

  app.post(
    '/:streamId/chat/polls',
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'Create a poll (moderators)',
        description: 'One open poll at a time (409 `poll_open`). It closes after its duration.',
        tags,
        security: CHANGING_SECURITY,
        params: StreamParams,
        body: ref(ChatPollRequest),
        response: { 201: ref(ChatPollResponse), ...errors },
      },
    },
    async (request, reply) => {
      const poll = await polls.create(visitor(request), request.params.streamId, request.body);
      return reply.code(201).send({ poll });
    },
  );

  app.post(
    '/:streamId/chat/polls/:pollId/votes',
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'Vote',
        description:
          'One vote per account (409 `voted_already`), while the poll is open (409 `poll_closed`).',
        tags,
        security: CHANGING_SECURITY,
        params: ChatPollParams,
        body: ref(ChatVoteRequest),
        response: { 201: ref(ChatPollResponse), ...errors },
      },
    },
    async (request, reply) => {
      const { streamId, pollId } = request.params;
      const poll = await polls.vote(visitor(request), streamId, pollId, request.body.option);
      return reply.code(201).send({ poll });
    },
  );

  app.post(
    '/:streamId/chat/polls/:pollId/close',
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'Close a poll before its end (moderators)',
        tags,
        security: CHANGING_SECURITY,
        params: ChatPollParams,
        body: Type.Union([Type.Object({}, { additionalProperties: false }), Type.Null()]),
        response: { 200: ref(ChatPollResponse), ...errors },
      },
    },
    async (request) => {
      const { streamId, pollId } = request.params;
      return { poll: await polls.close(visitor(request), streamId, pollId) };
    },
  );
};
