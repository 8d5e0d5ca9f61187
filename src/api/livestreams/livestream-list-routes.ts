import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyPluginAsync } from 'fastify';
import { Type } from 'typebox';
import { BoundedCalls, type Clock } from '../../platform/index.js';
import type { ListPage, Livestream } from '../../streams/index.js';
import {
  CursorPageQuery,
  PageQuery,
  ref,
  StreamParams,
  StreamResponse,
  StreamsResponse,
  UserId,
} from '../contract.js';
import { errorSchemas } from '../server/error-response.js';
import { ANYONE_READING_SECURITY, type Guards } from '../server/guards.js';
import { BEFORE_LAST, boundOffset, readNumbers } from '../server/number-query.js';
import { PageCache } from '../server/page-cache.js';
import type { ApiLivestreams, ApiStreams, LivestreamLookup } from './livestream-lookup.js';

export type LivestreamListRoutesOptions = {
  livestreams: Pick<ApiLivestreams, 'listActive' | 'listByUser' | 'listUpcoming' | 'onUpdate'>;
  streams: Pick<ApiStreams, 'onChange'>;
  lookup: LivestreamLookup;
  guards: Guards;
  /** Bounds the time of database queries for viewers. */
  calls?: BoundedCalls | undefined;
  clock: Clock;
};

const ListQuery = Type.Object(
  { ...PageQuery.properties, userId: Type.Optional(UserId) },
  { additionalProperties: false },
);

/** Lists and single livestreams. */
export const livestreamListRoutes: FastifyPluginAsync<LivestreamListRoutesOptions> = async (
  plain,
  { livestreams, streams, lookup, guards, clock, calls = new BoundedCalls({ clock }) },
) => {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const tags = ['livestreams'];
  const toStreams = async (found: Livestream[]) => ({
    streams: await Promise.all(found.map((livestream) => lookup.show(livestream))),
  });

  const pages = new PageCache({ calls, clock });
  const forgets = [livestreams.onUpdate(() => pages.clear()), streams.onChange(() => pages.clear())];
  app.addHook('onClose', async () => {
    for (const forget of forgets) forget();
  });

  const lists = {
    active: {
      summary: 'List live livestreams, newest first',
      find: (page: ListPage) => livestreams.listActive(page),
    },
    upcoming: {
      summary: 'List upcoming livestreams, earliest first',
      find: (page: ListPage) => livestreams.listUpcoming(page),
    },
  };
  for (const [name, { summary, find }] of Object.entries(lists)) {
    app.get(
      `/${name}`,
      {
        preValidation: readNumbers,
        schema: {
          summary,
          description: 'Public livestreams only; with `userId` those of one user.',
          tags,
          querystring: ListQuery,
          response: { 200: ref(StreamsResponse), ...errorSchemas(400, 500, 503) },
        },
      },
      async (request, reply) => {
        const { limit, offset, userId } = request.query;
        return await pages.send(reply, JSON.stringify([name, limit, offset, userId]), async () =>
          toStreams(await find(request.query)),
        );
      },
    );
  }

  app.get(
    '/user/:userId',
    {
      onRequest: guards.anyone,
      preValidation: [readNumbers, boundOffset(BEFORE_LAST)],
      schema: {
        summary: 'List the livestreams of a user, newest first',
        description: 'All for the user and administrators; public ones for others.',
        tags,
        security: ANYONE_READING_SECURITY,
        params: Type.Object({ userId: UserId }),
        querystring: CursorPageQuery,
        response: { 200: ref(StreamsResponse), ...errorSchemas(400, 401, 429, 500, 503) },
      },
    },
    async (request, reply) => {
      const { params, query } = request;
      const { userId } = params;
      if (lookup.mayListAll(request, userId))
        return await toStreams(await livestreams.listByUser(userId, query, 'all'));
      const key = `user ${userId} ${query.limit} ${query.offset} ${query.before}`;
      return await pages.send(reply, key, async () =>
        toStreams(await livestreams.listByUser(userId, query, 'public')),
      );
    },
  );

  app.get(
    '/:streamId',
    {
      onRequest: guards.anyone,
      schema: {
        summary: 'Get a livestream',
        tags,
        security: ANYONE_READING_SECURITY,
        params: StreamParams,
        response: { 200: ref(StreamResponse), ...errorSchemas(400, 401, 404, 429, 500, 503) },
      },
    },
    async (request) => ({
      stream: await lookup.show(await lookup.findWatchable(request, request.params.streamId)),
    }),
  );
};
