import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyPluginAsync } from 'fastify';
import { Type } from 'typebox';
import { BoundedCalls, type Clock, TtlCache } from '../../platform/index.js';
import type { Livestream } from '../../streams/index.js';
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
import type { LivestreamLookup, Livestreams } from './livestream-lookup.js';

/** How long a list for everybody may be shown again, in ms; changes of what is listed show at once. */
const FRESH_MS = 1_000;
/** Pages of lists remembered at most. */
const PAGES = 200;

export type LivestreamListRoutesOptions = {
  streams: Livestreams;
  desk: LivestreamLookup;
  guards: Guards;
  /** Bounds the time in which the database must answer viewers. */
  calls?: BoundedCalls | undefined;
  clock: Clock;
};

/** Livestreams are listed and shown. */
export const livestreamListRoutes: FastifyPluginAsync<LivestreamListRoutesOptions> = async (
  plain,
  { streams, desk, guards, clock, calls = new BoundedCalls({ clock }) },
) => {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const tags = ['livestreams'];
  const show = (found: Livestream[]) => ({ streams: found.map((livestream) => desk.show(livestream)) });

  // What everybody asks for is read, and written as JSON, once for all who ask within a moment.
  const pages = new TtlCache<string>({ clock, ttlMs: FRESH_MS, maxEntries: PAGES });
  const forgets = [streams.onUpdate(() => pages.clear()), streams.onChange(() => pages.clear())];
  app.addHook('onClose', async () => {
    for (const forget of forgets) forget();
  });

  const lists = {
    active: {
      summary: 'What is live now, the newest first',
      find: (page: PageOf) => streams.listActive(page),
    },
    upcoming: {
      summary: 'What is to begin, the next first',
      find: (page: PageOf) => streams.listUpcoming(page),
    },
  };
  for (const [name, { summary, find }] of Object.entries(lists)) {
    app.get(
      `/${name}`,
      {
        preValidation: readNumbers,
        schema: {
          summary,
          description: 'Public livestreams alone.',
          tags,
          querystring: PageQuery,
          response: { 200: ref(StreamsResponse), ...errorSchemas(400, 500, 503) },
        },
      },
      async (request, reply) => {
        const { limit, offset } = request.query;
        const json = await pages.get(`${name} ${limit} ${offset}`, async () => {
          const answer = show(await calls.run(() => find({ limit, offset })));
          return String(reply.serializeInput(answer, '200'));
        });
        // Fastify sends text as it is where the type is said.
        return reply.type('application/json; charset=utf-8').send(json as never);
      },
    );
  }

  app.get(
    '/user/:userId',
    {
      onRequest: guards.anyone,
      preValidation: [readNumbers, boundOffset(BEFORE_LAST)],
      schema: {
        summary: "A user's livestreams, the newest first",
        description: 'They themselves and administrators see all, others the public ones.',
        tags,
        security: ANYONE_READING_SECURITY,
        params: Type.Object({ userId: UserId }),
        querystring: CursorPageQuery,
        response: { 200: ref(StreamsResponse), ...errorSchemas(400, 401, 429, 500, 503) },
      },
    },
    async (request) => {
      const { userId } = request.params;
      const which = desk.mayListAll(request, userId) ? 'all' : 'public';
      return show(await streams.listByUser(userId, request.query, which));
    },
  );

  app.get(
    '/:streamId',
    {
      onRequest: guards.anyone,
      schema: {
        summary: 'One livestream',
        tags,
        security: ANYONE_READING_SECURITY,
        params: StreamParams,
        response: { 200: ref(StreamResponse), ...errorSchemas(400, 401, 404, 429, 500, 503) },
      },
    },
    async (request) => ({ stream: desk.show(await desk.watched(request, request.params.streamId)) }),
  );
};

type PageOf = { limit: number; offset: number };
