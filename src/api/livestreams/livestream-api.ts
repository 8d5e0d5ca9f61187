import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import type { BoundedCalls, Clock } from '../../platform/index.js';
import type { ThumbnailStore } from '../../thumbnails/index.js';
import type { Viewers } from '../contract.js';
import type { Guards } from '../server/guards.js';
import { livestreamInviteeRoutes } from './livestream-invitee-routes.js';
import { livestreamListRoutes } from './livestream-list-routes.js';
import { type ApiLivestreams, type ApiStreams, LivestreamLookup } from './livestream-lookup.js';
import { livestreamOwnerRoutes } from './livestream-owner-routes.js';
import { livestreamScope } from './livestream-scope.js';
import { livestreamStatsRoutes } from './livestream-stats-routes.js';
import type { PublicUrls } from './stream-view.js';
import { thumbnailRoutes } from './thumbnail-routes.js';

export type LivestreamApiOptions = {
  livestreams: ApiLivestreams;
  streams: ApiStreams;
  guards: Guards;
  /** Current viewers, from memory. */
  viewers(streamId: string): Viewers;
  thumbnails: ThumbnailStore;
  /** Finds the account of an owner. */
  findAccount(userId: string): Promise<{ name: string } | undefined>;
  urls: PublicUrls;
  /** Bounds the time of database queries for viewers. */
  calls?: BoundedCalls;
  clock: Clock;
  /** Registers further routes below `/api/livestream`: chat, viewers, stream keys. */
  registerFurtherRoutes?: (scope: FastifyInstance, lookup: LivestreamLookup) => Promise<void>;
};

/** All routes below `/api/livestream`. */
export const livestreamApi: FastifyPluginAsync<LivestreamApiOptions> = async (app, options) => {
  const { livestreams, streams, guards, viewers, thumbnails, urls, calls, clock, registerFurtherRoutes } =
    options;
  const { findAccount } = options;
  const lookup = new LivestreamLookup({
    livestreams,
    streams,
    viewers,
    thumbnails,
    findAccount,
    principal: guards.principal,
    mustBeKnown: guards.mustBeKnown,
    calls,
    urls,
    clock,
  });
  app.addHook('onClose', async () => lookup.close());
  await app.register(livestreamScope, {
    guards,
    clock,
    routes: async (scope) => {
      await scope.register(livestreamListRoutes, { livestreams, streams, lookup, guards, calls, clock });
      await scope.register(livestreamOwnerRoutes, { livestreams, streams, lookup, guards, thumbnails, urls });
      await scope.register(livestreamInviteeRoutes, { livestreams, lookup, guards });
      await scope.register(livestreamStatsRoutes, { lookup, guards, clock });
      await scope.register(thumbnailRoutes, { livestreams, lookup, guards, thumbnails, urls });
      await registerFurtherRoutes?.(scope, lookup);
    },
  });
};
