import cors from '@fastify/cors';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyPluginAsync, onRequestAsyncHookHandler, preValidationAsyncHookHandler } from 'fastify';
import { Type } from 'typebox';
import { hashStreamKey, mintStreamKey } from '../accounts/index.js';
import { PublicError } from '../platform/index.js';
import type { Livestream, StreamStatus } from '../streams/index.js';
import {
  CreateRequest,
  CreateResponse,
  EndRequest,
  PageQuery,
  ref,
  StreamParams,
  StreamResponse,
  StreamsResponse,
  SuccessResponse,
} from './contract.js';
import { errorSchemas } from './error-answer.js';
import { type PublicUrls, toPlayback, toStream } from './stream-view.js';

const NO_VIEWERS = { total: 0, byProtocol: {} };
const PREFIX = '/api/livestream';
/** How long a browser may remember the answer to a preflight request, in seconds. */
const PREFLIGHT_S = 600;

/** What these routes need of the hall. */
export type LivestreamDesk = {
  create(livestream: {
    userId: string | null;
    title: string;
    description: string;
    recordingEnabled: boolean;
    /** SHA-256 of the stream key, 64 lower-case hexadecimal digits. */
    streamKeyHash: string;
  }): Promise<Livestream>;
  find(streamId: string): Promise<Livestream | undefined>;
  listActive(page: { limit: number; offset: number }): Promise<Livestream[]>;
  /** From memory: costs nothing. */
  status(streamId: string): StreamStatus;
  /** @returns false when there is no such livestream. */
  end(streamId: string, reason: 'ended-by-owner'): Promise<boolean>;
  edit(streamId: string, changes: { recordingUrl: string }): Promise<unknown>;
};

export type LivestreamRoutesOptions = {
  streams: LivestreamDesk;
  /** Lets only the operator pass: see `createOperatorGuard`. */
  requireOperator: onRequestAsyncHookHandler;
  urls: PublicUrls;
};

/** `/api/livestream`: livestreams are made, shown, listed and ended. Any website may ask (CORS); cookies are not used. */
export const livestreamRoutes: FastifyPluginAsync<LivestreamRoutesOptions> = async (app, options) => {
  await app.register(
    async (scope) => {
      await scope.register(cors, {
        origin: '*',
        methods: ['GET', 'HEAD', 'POST'],
        allowedHeaders: ['authorization', 'content-type'],
        exposedHeaders: ['retry-after', 'x-request-id'],
        maxAge: PREFLIGHT_S,
      });
      await scope.register(routes, options);
    },
    { prefix: PREFIX },
  );
};

const routes: FastifyPluginAsync<LivestreamRoutesOptions> = async (
  plain,
  { streams, requireOperator, urls },
) => {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const security = [{ operator: [] }];
  const tags = ['livestreams'];
  app.addHook('onSend', async (_request, reply) => {
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store');
  });

  app.post(
    '/create',
    {
      onRequest: requireOperator,
      schema: {
        summary: 'Make a livestream',
        description: 'The stream key is shown this once.',
        tags,
        security,
        body: ref(CreateRequest),
        response: { 201: ref(CreateResponse), ...errorSchemas(400, 401, 413, 415, 429, 500, 503) },
      },
    },
    async (request, reply) => {
      const { title, description = '', recordingEnabled = false, userId = null } = request.body;
      const streamKey = mintStreamKey();
      const { id } = await streams.create({
        userId,
        title: title.trim(),
        description,
        recordingEnabled,
        streamKeyHash: hashStreamKey(streamKey),
      });
      const rtmps = urls.rtmpsServer();
      const whip = urls.whip?.();
      return reply.code(201).send({
        streamId: id,
        streamKey,
        ingest: {
          rtmp: { server: urls.rtmpServer(), key: streamKey },
          ...(rtmps ? { rtmps: { server: rtmps, key: streamKey } } : {}),
          ...(whip ? { whip: { server: whip, key: streamKey } } : {}),
        },
        playback: toPlayback(id, urls),
      });
    },
  );

  app.get(
    '/active',
    {
      preValidation: readNumbers,
      schema: {
        summary: 'What is live now, the newest first',
        tags,
        querystring: PageQuery,
        response: { 200: ref(StreamsResponse), ...errorSchemas(400, 500, 503) },
      },
    },
    async (request) => {
      const found = await streams.listActive(request.query);
      return {
        streams: found.map((livestream) =>
          toStream(livestream, streams.status(livestream.id), NO_VIEWERS, urls),
        ),
      };
    },
  );

  app.get(
    '/:streamId',
    {
      schema: {
        summary: 'One livestream',
        tags,
        params: StreamParams,
        response: { 200: ref(StreamResponse), ...errorSchemas(400, 404, 500, 503) },
      },
    },
    async (request) => {
      const { streamId } = request.params;
      const livestream = await streams.find(streamId);
      if (!livestream) throw notFound();
      return { stream: toStream(livestream, streams.status(streamId), NO_VIEWERS, urls) };
    },
  );

  app.post(
    '/:streamId/end',
    {
      onRequest: requireOperator,
      schema: {
        summary: 'End a livestream for good',
        description: 'Its key admits nobody any more. Ending it again changes nothing.',
        tags,
        security,
        params: StreamParams,
        body: Type.Union([ref(EndRequest), Type.Null()]),
        response: { 200: ref(SuccessResponse), ...errorSchemas(400, 401, 404, 413, 415, 429, 500, 503) },
      },
    },
    async (request) => {
      const { streamId } = request.params;
      if (!(await streams.end(streamId, 'ended-by-owner'))) throw notFound();
      const recordingUrl = request.body?.recordingUrl;
      if (recordingUrl !== undefined) await streams.edit(streamId, { recordingUrl });
      return { success: true as const };
    },
  );
};

function notFound(): PublicError {
  return new PublicError(404, 'stream_not_found', 'There is no such livestream.');
}

/** Query strings hold text: where it is a number it becomes one, so that the schema can say what numbers are right. */
const readNumbers: preValidationAsyncHookHandler = async (request) => {
  const query = request.query as Record<string, unknown>;
  for (const [name, value] of Object.entries(query))
    if (typeof value === 'string' && /^-?\d{1,15}$/.test(value)) query[name] = Number(value);
};
