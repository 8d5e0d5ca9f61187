import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyPluginAsync } from 'fastify';
import type { Clock } from '../../platform/index.js';
import { ref, StatsResponse, type Stream, StreamParams, type StreamStats } from '../contract.js';
import { errorSchemas } from '../server/error-response.js';
import { ANYONE_READING_SECURITY, type Guards } from '../server/guards.js';
import type { LivestreamLookup } from './livestream-lookup.js';

export type LivestreamStatsRoutesOptions = { lookup: LivestreamLookup; guards: Guards; clock: Clock };

/** Statistics of a broadcast, for principals who may watch it. */
export const livestreamStatsRoutes: FastifyPluginAsync<LivestreamStatsRoutesOptions> = async (
  plain,
  { lookup, guards, clock },
) => {
  plain.withTypeProvider<TypeBoxTypeProvider>().get(
    '/:streamId/stats',
    {
      onRequest: guards.anyone,
      schema: {
        summary: 'Get statistics of the current broadcast',
        tags: ['livestreams'],
        security: ANYONE_READING_SECURITY,
        params: StreamParams,
        response: { 200: ref(StatsResponse), ...errorSchemas(400, 401, 404, 429, 500, 503) },
      },
    },
    async (request) => {
      const livestream = await lookup.findWatchable(request, request.params.streamId);
      return { stats: toStats(await lookup.show(livestream), clock.now()) };
    },
  );
};

function toStats(stream: Stream, now: number): StreamStats {
  const { id, state, startedAt, viewers, source, notices } = stream;
  const { bitrate, frameRate, width, height, keyframeInterval, droppedFrames } = source?.video ?? {};
  const publishing = state.name === 'starting' || state.name === 'live';
  const onAir = state.name === 'live' || state.name === 'reconnecting';
  const bitrates = [bitrate, source?.audio?.bitrate].filter((rate) => rate !== undefined);
  return {
    streamId: id,
    state,
    uptime:
      onAir && startedAt !== null ? Math.max(0, Math.round((now - Date.parse(startedAt)) / 1_000)) : null,
    bitrate: publishing && bitrates.length > 0 ? bitrates.reduce((sum, rate) => sum + rate, 0) : null,
    fps: (publishing ? frameRate : undefined) ?? null,
    resolution: width === undefined || height === undefined ? null : { width, height },
    keyframeInterval: keyframeInterval ?? null,
    droppedFrames: droppedFrames ?? null,
    viewers,
    source,
    notices,
  };
}
