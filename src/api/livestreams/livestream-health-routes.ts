import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyPluginAsync } from 'fastify';
import type { Chat } from '../../chat/index.js';
import type { Finding, IngestHealth } from '../../health/index.js';
import { visitorOf } from '../chat/chat-visitor.js';
import { type HealthFinding, HealthQuery, HealthResponse, ref, StreamParams } from '../contract.js';
import { errorSchemas } from '../server/error-response.js';
import { type Guards, READING_SECURITY } from '../server/guards.js';
import { readNumbers } from '../server/number-query.js';

export type LivestreamHealthRoutesOptions = {
  health: Pick<IngestHealth, 'read'>;
  /** Tells who moderates a livestream. */
  chat: { moderation: Pick<Chat['moderation'], 'requireModerator'> };
  guards: Guards;
};

/** Health of what the publisher sends, for the broadcaster, the livestream's moderators and admins. */
export const livestreamHealthRoutes: FastifyPluginAsync<LivestreamHealthRoutesOptions> = async (
  plain,
  { health, chat, guards },
) => {
  const visitor = visitorOf(guards);
  plain.withTypeProvider<TypeBoxTypeProvider>().get(
    '/:streamId/health',
    {
      onRequest: guards.signedIn,
      preValidation: readNumbers,
      schema: {
        summary: 'Get the health of the media of the newest broadcast',
        description:
          'Measurements of the last five minutes, and what was found wrong with its cure. Findings are kept after the end, measurements are not.',
        tags: ['livestreams'],
        security: READING_SECURITY,
        params: StreamParams,
        querystring: HealthQuery,
        response: { 200: ref(HealthResponse), ...errorSchemas(400, 401, 403, 404, 500, 503) },
      },
    },
    async (request) => {
      const streamId = request.params.streamId.toLowerCase();
      await chat.moderation.requireModerator(visitor(request), streamId);
      const { broadcast, series, findings } = await health.read(streamId, request.query.since);
      const isPresent = ({ until }: Finding): boolean => until === null;
      return {
        health: {
          streamId,
          broadcast: broadcast
            ? {
                id: broadcast.id,
                startedAt: toTime(broadcast.startedAt),
                endedAt: broadcast.endedAt === null ? null : toTime(broadcast.endedAt),
              }
            : null,
          series,
          findings: findings.filter(isPresent).map(toFinding),
          pastFindings: findings.filter((finding) => !isPresent(finding)).map(toFinding),
        },
      };
    },
  );
};

function toFinding({ since, until, ...finding }: Finding): HealthFinding {
  return { ...finding, since: toTime(since), until: until === null ? null : toTime(until) };
}

function toTime(unixMs: number): string {
  return new Date(unixMs).toISOString();
}
