import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { Chat } from '../../chat/index.js';
import { PublicError } from '../../platform/index.js';
import type { Recordings } from '../../recordings/index.js';
import { visitorOf } from '../chat/chat-visitor.js';
import type { ClipPermission } from '../clips/clip-permission.js';
import { ChatReplay, ChatReplayQuery, Id, ref } from '../contract.js';
import { errorSchemas } from '../server/error-response.js';
import { ANYONE_READING_SECURITY, type Guards } from '../server/guards.js';
import { readNumbers } from '../server/number-query.js';
import type { RecordingFinder } from './recording-finder.js';

export type ChatReplayRoutesOptions = {
  chat: Pick<Chat, 'history'>;
  recordings: Pick<Recordings, 'clips'> & { replays: Pick<Recordings['replays'], 'find' | 'load'> };
  finder: RecordingFinder;
  permission: ClipPermission;
  guards: Guards;
};

const tags = ['chat'];
const route = {
  preValidation: [readNumbers],
  schema: {
    tags,
    security: ANYONE_READING_SECURITY,
    querystring: ChatReplayQuery,
    response: { 200: ref(ChatReplay), ...errorSchemas(400, 401, 404, 409, 429, 500, 503) },
  },
};
const description =
  'Messages by what their authors were watching, aligned with the timeline of the playlists, also over reconnects. For those who may watch the livestream. 409 `recording_not_ready`.';

/** Chat beside recordings, below `/api/recordings`. */
export const recordingChatRoutes: FastifyPluginAsync<ChatReplayRoutesOptions> = async (plain, options) => {
  plain.withTypeProvider<TypeBoxTypeProvider>().get(
    '/:recordingId/chat',
    {
      ...route,
      onRequest: options.guards.anyone,
      schema: {
        ...route.schema,
        ...{ summary: 'Replay the chat of a recording', description },
        params: Type.Object({ recordingId: Id }),
      },
    },
    async (request) => {
      const recording = await options.finder.findWatchable(request, request.params.recordingId);
      return await replayChat(options, request, recording, request.query);
    },
  );
};

/** Chat beside clips, below `/api/clips`. */
export const clipChatRoutes: FastifyPluginAsync<ChatReplayRoutesOptions> = async (plain, options) => {
  plain.withTypeProvider<TypeBoxTypeProvider>().get(
    '/:clipId/chat',
    {
      ...route,
      onRequest: options.guards.anyone,
      schema: {
        ...route.schema,
        ...{ summary: 'Replay the chat of a clip', description },
        params: Type.Object({ clipId: Id }),
      },
    },
    async (request) => {
      const found = await options.recordings.clips.find(request.params.clipId);
      const { clip } = await options.permission.require(request, found, 'watch');
      return await replayChat(options, request, clip, request.query);
    },
  );
};

/** @param of recording or clip that the client may watch */
async function replayChat(
  { chat, recordings: { replays }, guards }: ChatReplayRoutesOptions,
  request: FastifyRequest,
  of: { id: string; streamId: string },
  { fromS, toS, after, limit }: ChatReplayQuery,
): Promise<ChatReplay> {
  if (!(await replays.find(of.id)))
    throw new PublicError(409, 'recording_not_ready', 'It is not ready: try again later.');
  const replay = await replays.load(of.id);
  const window = { from: new Date(replay.dateOf(fromS)), to: new Date(replay.dateOf(toS)) };
  // One more tells whether there are further ones.
  const found = await chat.history.replayPage(visitorOf(guards)(request), of.streamId, {
    ...{ ...window, after, limit: limit + 1 },
  });
  const messages = found.slice(0, limit).map((message) => ({
    positionS: replay.positionOf(Date.parse(message.mediaTime)),
    message,
  }));
  return { messages, more: found.length > limit };
}
