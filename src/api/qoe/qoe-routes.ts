import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyPluginAsync } from 'fastify';
import { Type } from 'typebox';
import type { Audience } from '../../audience/index.js';
import { type Clock, PublicError, streamNotFound } from '../../platform/index.js';
import { type BroadcastQoe, distributionOf, lowDistributionOf, type Qoe } from '../../qoe/index.js';
import { QoeReport, QoeResponse, ref, StreamParams, SuccessResponse } from '../contract.js';
import type { LivestreamLookup } from '../livestreams/livestream-lookup.js';
import { addressLimit } from '../server/address-limit.js';
import { errorSchemas } from '../server/error-response.js';
import { type Guards, READING_SECURITY } from '../server/guards.js';
import { readNumbers } from '../server/number-query.js';

export type QoeReportRoutesOptions = {
  qoe: Pick<Qoe, 'report'>;
  /** Tells from memory who may watch. */
  audience: Pick<Audience, 'mediaAccess'>;
  clock: Clock;
};

export type QoeListRoutesOptions = {
  qoe: Pick<Qoe, 'list'>;
  lookup: Pick<LivestreamLookup, 'findManageable'>;
  guards: Guards;
};

/** Reports per address: burst, and time to one more, ms. A player reports twice a minute. */
const RATE = { capacity: 600, refillMs: 100 };
/** Bytes of a report: eight samples and a viewer token. */
const MAXIMUM_BODY_BYTES = 4_096;
const tags = ['viewers'];

/** Reports of players, below `/api/qoe`. */
export const qoeReportRoutes: FastifyPluginAsync<QoeReportRoutesOptions> = async (
  plain,
  { qoe, audience, clock },
) => {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const countReport = addressLimit({
    ...{ rate: RATE, clock },
    message: 'Too many reports from your address: report less often.',
  });
  const parseJson = app.getDefaultJsonParser('error', 'error');
  // `navigator.sendBeacon` sends text, which needs no preflight request.
  app.addContentTypeParser(
    'text/plain',
    { parseAs: 'string', bodyLimit: MAXIMUM_BODY_BYTES },
    (request, body, done) => void parseJson(request, body as string, done),
  );

  app.post(
    '',
    {
      config: { ownLimit: true },
      bodyLimit: MAXIMUM_BODY_BYTES,
      onRequest: async (request) => countReport(request.ip),
      schema: {
        summary: 'Report what a player of a broadcast experienced',
        description:
          'At most twice a minute, also within a minute after the end of the broadcast. Reports are summed up by broadcast and delivery; nothing about the viewer is kept. 404 `stream_not_found`, also where it must not be known; 409 `stream_offline`. Accepts JSON as `text/plain` too.',
        tags,
        body: ref(QoeReport),
        response: { 200: ref(SuccessResponse), ...errorSchemas(400, 404, 409, 413, 415, 429, 500, 503) },
      },
    },
    async (request) => {
      const { viewerToken, samples } = request.body;
      const streamId = request.body.streamId.toLowerCase();
      if (audience.mediaAccess(streamId, viewerToken) === undefined) throw streamNotFound();
      if (!qoe.report(streamId, samples))
        throw new PublicError(409, 'stream_offline', 'The livestream is not live at the moment.');
      return { success: true as const };
    },
  );
};

/** Sums of the reports, below `/api/livestream`. */
export const qoeListRoutes: FastifyPluginAsync<QoeListRoutesOptions> = async (
  plain,
  { qoe, lookup, guards },
) => {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();

  app.get(
    '/:streamId/qoe',
    {
      onRequest: guards.signedIn,
      preValidation: readNumbers,
      schema: {
        summary: 'Get the quality that viewers experienced, by broadcast and delivery',
        description: 'Newest broadcast first, for the owner and administrators.',
        tags,
        security: READING_SECURITY,
        params: StreamParams,
        querystring: Type.Object(
          { limit: Type.Integer({ minimum: 1, maximum: 100, default: 20 }) },
          { additionalProperties: false },
        ),
        response: { 200: ref(QoeResponse), ...errorSchemas(400, 401, 403, 404, 429, 500, 503) },
      },
    },
    async (request) => {
      const { id } = await lookup.findManageable(request, request.params.streamId);
      return { broadcasts: (await qoe.list(id, request.query.limit)).map(toBroadcast) };
    },
  );
};

function toBroadcast({
  broadcastId,
  startedAt,
  endedAt,
  totals,
  cmcd,
}: BroadcastQoe): QoeResponse['broadcasts'][0] {
  return {
    broadcastId,
    startedAt: startedAt.toISOString(),
    endedAt: endedAt?.toISOString() ?? null,
    deliveries: totals.map(({ delivery, plays, playedMs, rebuffers, rebufferMs, ...rest }) => ({
      ...{ delivery, plays, playedS: playedMs / 1_000, rebuffers, rebufferS: rebufferMs / 1_000 },
      ...{ switches: rest.switches, failures: rest.failures, falls: rest.falls as Record<string, number> },
      startup: distributionOf(rest.startupCounts) ?? null,
      latency: distributionOf(rest.latencyCounts) ?? null,
    })),
    cmcd: cmcd && toCmcd(cmcd),
  };
}

function toCmcd({
  bufferCounts,
  throughputCounts,
  ...sums
}: NonNullable<BroadcastQoe['cmcd']>): QoeResponse['broadcasts'][0]['cmcd'] {
  const buffer = lowDistributionOf(bufferCounts, 'ms');
  const throughput = lowDistributionOf(throughputCounts, 'kbps');
  return {
    ...sums,
    buffer: buffer ? { count: buffer.count, p5Ms: buffer.p5, p50Ms: buffer.p50 } : null,
    throughput: throughput
      ? { count: throughput.count, p5Kbps: throughput.p5, p50Kbps: throughput.p50 }
      : null,
  };
}
