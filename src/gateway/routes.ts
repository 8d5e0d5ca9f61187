import path from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { Authentication, Channels, StreamKeys } from '../accounts/index.js';
import {
  addAuditHook,
  adminRoutes,
  analyticsRoutes,
  authRoutes,
  type ClipRoutesOptions,
  channelRoutes,
  chatRoutes,
  clipChatRoutes,
  clipRouteOptions,
  clipRoutes,
  exportRoutes,
  followRoutes,
  type Guards,
  healthRoutes,
  type LivestreamLookup,
  livestreamApi,
  livestreamClipRoutes,
  livestreamHealthRoutes,
  livestreamRecordingRoutes,
  livestreamScope,
  livestreamTargetRoutes,
  type NodeHealth,
  type NodeSettingsResponse,
  oembedRoutes,
  PublicChannels,
  type PublicUrls,
  pageHeads,
  pageRoutes,
  publicChannelRoutes,
  qoeListRoutes,
  qoeReportRoutes,
  recordAdminSignIn,
  recordingChatRoutes,
  recordingClipRoutes,
  recordingRoutes,
  searchRoutes,
  streamKeyRoutes,
  videoRoutes,
  viewerRoutes,
  webhookRoutes,
} from '../api/index.js';
import type { Audience, RecordingAdmission } from '../audience/index.js';
import type { AuditLog } from '../audit/index.js';
import type { Chat } from '../chat/index.js';
import { dashRoutes, hlsRoutes } from '../egress/hls/index.js';
import { admitToRecording, recordingMediaRoutes, rewindRoutes } from '../egress/recordings/index.js';
import { type WhepEgress, whepRoutes } from '../egress/whep/index.js';
import type { IngestHealth } from '../health/index.js';
import { type WhipIngest, whipRoutes } from '../ingest/whip/index.js';
import type { Packager } from '../packager/index.js';
import {
  type BoundedCalls,
  type Clock,
  type EventLoopLoad,
  type Logger,
  projectRoot,
} from '../platform/index.js';
import type { Qoe } from '../qoe/index.js';
import type { Recordings } from '../recordings/index.js';
import type { Restreams } from '../restreams/index.js';
import { type SocketServer, socketRoutes } from '../sockets/index.js';
import type { JoinFailed, Livestreams, StreamRegistry } from '../streams/index.js';
import type { ThumbnailStore } from '../thumbnails/index.js';
import type { Videos } from '../videos/index.js';
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
  recordings: Recordings;
  videos: Videos;
  restreams: Restreams;
  health: IngestHealth;
  qoe: Qoe;
  packager: Packager;
  whepEgress: WhepEgress;
  /** Limits offers of viewers per address. */
  viewerOffers: OfferLimit;
  whip: WhipIngest;
  iceServers: IceServers;
  hub: SocketServer;
  audience: Audience;
  recordingAdmission: RecordingAdmission;
  chat: Chat;
  webhooks: Webhooks;
  urls: PublicUrls;
  /** Public origin of the gateway's pages. */
  origin: () => string;
  /** Prefix of all paths in client URLs. */
  basePath: string;
  /** Readiness checks, by name. */
  checks: Record<string, () => Promise<unknown>>;
  load: EventLoopLoad;
  audit: AuditLog;
  /** State of this gateway and its machine. */
  nodeHealth(): Promise<NodeHealth>;
  /** Settings that administrators may read. */
  settings: NodeSettingsResponse['settings'];
  log: Logger;
  /** Bounds the time in which the database must answer viewers. */
  calls: BoundedCalls;
  clock: Clock;
};

/** Registers all HTTP routes. */
export async function registerRoutes(http: FastifyInstance, modules: GatewayModules): Promise<void> {
  const { authentication, guards, keys, channels, livestreams, streams, audience, chat, iceServers } =
    modules;
  const { urls, basePath, clock } = modules;

  const { audit, nodeHealth, settings } = modules;
  addAuditHook(http, { audit, guards });
  await http.register(authRoutes, {
    ...{ authentication, guards, publicOrigin: modules.origin, clock },
    onSignIn: (account, address) => recordAdminSignIn(audit, account, address),
  });
  await http.register(followRoutes, { follows: authentication.follows, guards, clock });
  const { recordings, restreams, videos } = modules;
  await http.register(channelRoutes, { keys, channels, restreams, guards, urls, clock });
  const { accounts, follows } = authentication;
  const publicChannels = new PublicChannels({ accounts, follows, channels, urls });
  await http.register(livestreamScope, {
    ...{ guards, clock, path: '/api/channels' },
    routes: async (scope) => {
      await scope.register(publicChannelRoutes, { channels: publicChannels, calls: modules.calls, clock });
    },
  });
  const recordingOptions = { recordings, videos, livestreams, guards, urls, clock, calls: modules.calls };
  const livestreamRoutes: { lookup?: LivestreamLookup; clips?: ClipRoutesOptions } = {};
  await http.register(livestreamApi, {
    livestreams,
    streams,
    guards,
    viewers: (streamId) => audience.viewers(streamId),
    thumbnails: modules.thumbnails,
    findAccount: (userId) => accounts.findAccount(userId),
    urls,
    calls: modules.calls,
    clock,
    registerFurtherRoutes: async (scope, lookup) => {
      const { authenticate } = authentication;
      livestreamRoutes.lookup = lookup;
      const clips = clipRouteOptions({ recordings, chat, lookup, guards, urls, clock });
      livestreamRoutes.clips = clips;
      await scope.register(viewerRoutes, { audience, authenticate, guards, iceServers, clock });
      await scope.register(chatRoutes, { chat, guards });
      await scope.register(livestreamHealthRoutes, { health: modules.health, chat, guards });
      await scope.register(analyticsRoutes, {
        ...{ streams, audience, chat, qoe: modules.qoe, lookup, guards, clock },
      });
      await scope.register(qoeListRoutes, { qoe: modules.qoe, lookup, guards });
      await scope.register(streamKeyRoutes, { lookup, guards, keys, urls, clock });
      await scope.register(livestreamRecordingRoutes, { ...recordingOptions, lookup });
      await scope.register(livestreamClipRoutes, clips);
      await scope.register(livestreamTargetRoutes, { restreams, lookup, guards });
    },
  });
  const { lookup, clips } = livestreamRoutes;
  if (!lookup || !clips) throw new Error('livestreamApi has registered no further routes');
  const { recordings: finder, permission } = clips;
  const chatReplay = { chat, recordings, finder, permission, guards };
  await http.register(livestreamScope, {
    ...{ guards, clock, path: '/api/recordings' },
    routes: async (scope) => {
      await scope.register(recordingRoutes, { ...recordingOptions, lookup });
      await scope.register(recordingClipRoutes, clips);
      await scope.register(recordingChatRoutes, chatReplay);
    },
  });
  await http.register(livestreamScope, {
    ...{ guards, clock, path: '/api/clips' },
    routes: async (scope) => {
      await scope.register(clipRoutes, clips);
      await scope.register(clipChatRoutes, chatReplay);
    },
  });
  await http.register(livestreamScope, {
    ...{ guards, clock, path: '/api/search' },
    routes: async (scope) => {
      const { clips } = recordings;
      const sources = { channels: publicChannels, livestreams, recordings, clips, videos, lookup, urls };
      await scope.register(searchRoutes, { ...sources, calls: modules.calls, clock });
    },
  });
  await http.register(livestreamScope, {
    ...{ guards, clock, path: '/api/qoe' },
    routes: async (scope) => {
      await scope.register(qoeReportRoutes, { qoe: modules.qoe, audience, clock });
    },
  });
  const { sessions, accessTokens } = authentication;
  await http.register(exportRoutes, {
    ...{ authentication, accounts, sessions, accessTokens, guards, channels, keys, livestreams, lookup },
    ...{
      recordings,
      videos,
      restreams,
      records: chat.records,
      webhooks: modules.webhooks,
      urls,
      clock,
      log: modules.log,
    },
  });
  await http.register(livestreamScope, {
    ...{ guards, clock, path: '/api/videos' },
    routes: async (scope) => {
      await scope.register(videoRoutes, { videos, guards, urls, calls: modules.calls, clock });
    },
  });
  await http.register(adminRoutes, { nodeHealth, settings, streams, livestreams, lookup, audit, guards });
  await http.register(webhookRoutes, { webhooks: modules.webhooks, guards });

  const { packager, load, log } = modules;
  const media = { packager, admission: audience, load, clock, log };
  const joinFailed: JoinFailed = (...failure) => modules.qoe.joinFailed(...failure);
  await http.register(hlsRoutes, {
    ...media,
    joinFailed,
    recordCmcd: (sample) => modules.qoe.recordCmcd(sample),
  });
  const { recordingAdmission } = modules;
  await http.register(dashRoutes, {
    ...media,
    findRecording: async (viewer) => {
      const { streamId } = viewer;
      if (streams.status(streamId).state.name !== 'offline') return undefined;
      const recordingId = await modules.calls.run(() => recordings.findShown(streamId));
      if (recordingId === undefined) return undefined;
      const livestream = await modules.calls.run(() => livestreams.find(streamId));
      if (livestream?.status !== 'ended') return undefined;
      await admitToRecording(recordingAdmission, { ...viewer, streamId: recordingId });
      return recordingId;
    },
  });
  const { replays, rewinds, previews } = recordings;
  await http.register(rewindRoutes, { ...media, replays, rewinds, previews });
  await http.register(recordingMediaRoutes, {
    ...{ replays, previews, admission: recordingAdmission },
    folders: [
      { path: '/recordings', find: (id) => replays.find(id) },
      { path: '/videos', find: (id) => videos.findPlayable(id) },
    ],
  });
  await http.register(whipRoutes, { ingest: modules.whip, iceServers, clock, basePath });
  await http.register(whepRoutes, {
    egress: modules.whepEgress,
    admission: audience,
    findLivestream: (streamId) => livestreams.find(streamId),
    joinFailed,
    iceServers,
    offers: modules.viewerOffers,
    clock,
    basePath,
  });
  await http.register(socketRoutes, { hub: modules.hub, clock });
  await http.register(healthRoutes, { clock, checks: modules.checks });
  const describe = pageHeads({
    ...{ channels: publicChannels, livestreams, recordings, videos, lookup, urls, calls: modules.calls },
  });
  await http.register(livestreamScope, {
    ...{ guards, clock, path: '/api/oembed' },
    routes: async (scope) => {
      await scope.register(oembedRoutes, { describe, urls });
    },
  });
  await http.register(pageRoutes, {
    root: path.join(projectRoot(), '.build/web'),
    describe,
    mediaOrigin: recordings.replays.redirectOrigin,
  });
}
