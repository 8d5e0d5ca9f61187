import path from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { Authentication, Channels, StreamKeys } from '../accounts/index.js';
import {
  authRoutes,
  channelRoutes,
  chatRoutes,
  followRoutes,
  type Guards,
  healthRoutes,
  livestreamApi,
  type PublicUrls,
  pageRoutes,
  streamKeyRoutes,
  viewerRoutes,
  webhookRoutes,
} from '../api/index.js';
import type { Audience } from '../audience/index.js';
import type { Chat } from '../chat/index.js';
import { hlsRoutes } from '../egress/hls/index.js';
import { type WhepEgress, whepRoutes } from '../egress/whep/index.js';
import { type WhipIngest, whipRoutes } from '../ingest/whip/index.js';
import type { Packager } from '../packager/index.js';
import { type BoundedCalls, type Clock, projectRoot } from '../platform/index.js';
import { type SocketServer, socketRoutes } from '../sockets/index.js';
import type { Livestreams, StreamRegistry } from '../streams/index.js';
import type { ThumbnailStore } from '../thumbnails/index.js';
import type { Webhooks } from '../webhooks/index.js';
import type { IceServers, OfferLimit } from '../webrtc/index.js';

export type GatewayModules = {
  authentication: Authentication;
  guards: Guards;
  keys: StreamKeys;
  channels: Channels;
  livestreams: Livestreams;
  streams: StreamRegistry;
  thumbnails: ThumbnailStore;
  packager: Packager;
  whepEgress: WhepEgress;
  /** Limits offers of viewers per address. */
  viewerOffers: OfferLimit;
  whip: WhipIngest;
  iceServers: IceServers;
  hub: SocketServer;
  audience: Audience;
  chat: Chat;
  webhooks: Webhooks;
  urls: PublicUrls;
  /** Public origin of the gateway's pages. */
  origin: () => string;
  /** Prefix of all paths in client URLs. */
  basePath: string;
  /** Readiness checks, by name. */
  checks: Record<string, () => Promise<unknown>>;
  /** Bounds the time in which the database must answer viewers. */
  calls: BoundedCalls;
  clock: Clock;
};

/** Registers all HTTP routes. */
export async function registerRoutes(http: FastifyInstance, modules: GatewayModules): Promise<void> {
  const { authentication, guards, keys, channels, livestreams, streams, audience, chat, iceServers } =
    modules;
  const { urls, basePath, clock } = modules;

  await http.register(authRoutes, { authentication, guards, publicOrigin: modules.origin, clock });
  await http.register(followRoutes, { follows: authentication.follows, guards, clock });
  await http.register(channelRoutes, { keys, channels, guards, urls, clock });
  await http.register(livestreamApi, {
    livestreams,
    streams,
    guards,
    viewers: (streamId) => audience.viewers(streamId),
    thumbnails: modules.thumbnails,
    urls,
    calls: modules.calls,
    clock,
    registerFurtherRoutes: async (scope, lookup) => {
      const { authenticate } = authentication;
      await scope.register(viewerRoutes, { audience, authenticate, guards, iceServers, clock });
      await scope.register(chatRoutes, { chat, guards });
      await scope.register(streamKeyRoutes, { lookup, guards, keys, urls, clock });
    },
  });
  await http.register(webhookRoutes, { webhooks: modules.webhooks, guards });

  await http.register(hlsRoutes, { packager: modules.packager, admission: audience, clock });
  await http.register(whipRoutes, { ingest: modules.whip, iceServers, clock, basePath });
  await http.register(whepRoutes, {
    egress: modules.whepEgress,
    admission: audience,
    findLivestream: (streamId) => livestreams.find(streamId),
    iceServers,
    offers: modules.viewerOffers,
    clock,
    basePath,
  });
  await http.register(socketRoutes, { hub: modules.hub, clock });
  await http.register(healthRoutes, { clock, checks: modules.checks });
  await http.register(pageRoutes, { root: path.join(projectRoot(), '.build/web') });
}
