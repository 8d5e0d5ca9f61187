import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyPluginAsync } from 'fastify';
import { Type } from 'typebox';
import type { Audience } from '../../audience/index.js';
import type { Chat } from '../../chat/index.js';
import { BoundedCalls, type Clock, PublicError } from '../../platform/index.js';
import type { Qoe } from '../../qoe/index.js';
import type { StreamRegistry } from '../../streams/index.js';
import {
  type BroadcastAnalytics,
  BroadcastAnalyticsResponse,
  BroadcastParams,
  BroadcastsQuery,
  BroadcastsResponse,
  ref,
  StreamParams,
} from '../contract.js';
import type { LivestreamLookup } from '../livestreams/livestream-lookup.js';
import { errorSchemas } from '../server/error-response.js';
import { type Guards, READING_SECURITY } from '../server/guards.js';
import { readNumbers } from '../server/number-query.js';
import { analyticsCsv } from './analytics-csv.js';
import { analyzedRange, toAnalytics, toBroadcastView } from './analytics-view.js';

/** Time limit of one analysis, and analyses above which further ones wait, while the database is slow. */
const ANALYSIS_TIMEOUT_MS = 10_000;
const MAXIMUM_OVERDUE = 2;

export type AnalyticsRoutesOptions = {
  streams: Pick<StreamRegistry, 'listBroadcasts' | 'findBroadcast'>;
  audience: Pick<Audience, 'analyze'>;
  chat: { records: Pick<Chat['records'], 'activityOf'> };
  qoe: Pick<Qoe, 'listJoinFailures'>;
  lookup: LivestreamLookup;
  guards: Guards;
  clock: Clock;
};

/** Broadcasts of a livestream and their analytics, for its broadcaster and admins. */
export const analyticsRoutes: FastifyPluginAsync<AnalyticsRoutesOptions> = async (
  plain,
  { streams, audience, chat, qoe, lookup, guards, clock },
) => {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const calls = new BoundedCalls({ clock, timeoutMs: ANALYSIS_TIMEOUT_MS, maxOverdue: MAXIMUM_OVERDUE });
  const tags = ['analytics'];
  const security = READING_SECURITY;
  const errors = errorSchemas(400, 401, 403, 404, 429, 500, 503);

  const analyze = async (streamId: string, broadcastId: string): Promise<BroadcastAnalytics> => {
    const broadcast = await streams.findBroadcast(streamId, broadcastId);
    if (!broadcast)
      throw new PublicError(404, 'broadcast_not_found', 'This livestream has no such broadcast.');
    const range = analyzedRange(broadcast, clock.now());
    const [views, activity, failures] = await calls.run(() =>
      Promise.all([
        audience.analyze(streamId, range),
        chat.records.activityOf(streamId, range),
        qoe.listJoinFailures(broadcastId, range),
      ]),
    );
    return toAnalytics(broadcast, range, views, activity, failures);
  };

  app.get(
    '/:streamId/broadcasts',
    {
      onRequest: guards.signedIn,
      preValidation: readNumbers,
      schema: {
        summary: 'List the broadcasts of a livestream, newest first',
        ...{ tags, security, params: StreamParams, querystring: BroadcastsQuery },
        response: { 200: ref(BroadcastsResponse), ...errors },
      },
    },
    async (request) => {
      const { id } = await lookup.findManageable(request, request.params.streamId);
      const { limit, before } = request.query;
      return { broadcasts: (await streams.listBroadcasts(id, limit, before)).map(toBroadcastView) };
    },
  );

  app.get(
    '/:streamId/broadcasts/:broadcastId/analytics',
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'Get the analytics of a broadcast',
        description:
          'Viewers over time by protocol, watch time, when viewers came and left, failed attempts to watch, and chat. 404 `broadcast_not_found`.',
        ...{ tags, security, params: BroadcastParams },
        response: { 200: ref(BroadcastAnalyticsResponse), ...errors },
      },
    },
    async (request) => {
      const { id } = await lookup.findManageable(request, request.params.streamId);
      return { analytics: await analyze(id, request.params.broadcastId) };
    },
  );

  app.get(
    '/:streamId/broadcasts/:broadcastId/analytics.csv',
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'Download the series of a broadcast as CSV',
        description: 'Text that a spreadsheet would take for a formula begins with an apostrophe.',
        ...{ tags, security, params: BroadcastParams },
        response: { 200: Type.String({ description: 'RFC 4180' }), ...errors },
      },
    },
    async (request, reply) => {
      const { id, title } = await lookup.findManageable(request, request.params.streamId);
      const analytics = await analyze(id, request.params.broadcastId);
      const day = analytics.broadcast.startedAt.slice(0, 10);
      reply.type('text/csv; charset=utf-8');
      reply.header('content-disposition', `attachment; filename="broadcast-${day}.csv"`);
      return analyticsCsv(title, analytics);
    },
  );
};
