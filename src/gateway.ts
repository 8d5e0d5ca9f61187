import type { AddressInfo } from 'node:net';
import path from 'node:path';
import {
  Channels,
  createAuthentication,
  createKeyAdmission,
  loadOperatorToken,
  mayStillPublish,
  StreamKeys,
} from './accounts/index.js';
import { CONNECTION_TIMEOUTS, createGuards, createServer } from './api/index.js';
import { Audience, RecordingAdmission } from './audience/index.js';
import { type Chat, createChat } from './chat/index.js';
import { type Config, readableSettings } from './config.js';
import { HlsDelivery } from './egress/hls/index.js';
import { createWhepEgress } from './egress/whep/index.js';
import { carryAccessChanges } from './gateway/access-changes.js';
import { startAccountDeletion } from './gateway/account-deletion.js';
import {
  type BoundPorts,
  listeningHost,
  publicAddresses,
  publicUrlPath,
  warnOfTrustedPeers,
} from './gateway/addresses.js';
import { openAudit } from './gateway/audit.js';
import { announceBroadcasts } from './gateway/broadcast-events.js';
import { derivedKey } from './gateway/derived-key.js';
import { openHealth } from './gateway/health.js';
import { createWithKey } from './gateway/livestream-with-key.js';
import { openNodeHealth } from './gateway/node-health.js';
import { keepTestsPrivate } from './gateway/private-test.js';
import { openQoe } from './gateway/qoe.js';
import { openRecordings } from './gateway/recordings.js';
import { releaseVersion } from './gateway/release.js';
import { openRestreams, relayIdOf } from './gateway/restreams.js';
import { registerRoutes } from './gateway/routes.js';
import { startThumbnails } from './gateway/thumbnails.js';
import { openTranscoder } from './gateway/transcoder.js';
import { openVideos, watchedMedia } from './gateway/videos.js';
import { createWelcome, type Welcome } from './gateway/welcome.js';
import { createRtmpServer } from './ingest/rtmp/index.js';
import { createWhipIngest } from './ingest/whip/index.js';
import { createPackager, type Packager } from './packager/index.js';
import {
  BoundedCalls,
  type Clock,
  EventLoopLoad,
  type Logger,
  loadSecretFile,
  migrate,
  openDatabase,
  projectRoot,
} from './platform/index.js';
import { statusFeature } from './restreams/index.js';
import { Signalling, WebrtcService } from './socket-signalling/index.js';
import { createSocketHub } from './sockets/index.js';
import { Livestreams, StreamRegistry } from './streams/index.js';
import type { Videos } from './videos/index.js';
import { createWebhooks } from './webhooks/index.js';
import { createWebrtcPool, IceServers, OfferLimit } from './webrtc/index.js';

export type GatewayContext = {
  clock: Clock;
  log: Logger;
  /** Process environment, from which child processes get the variables that they need. */
  environment: NodeJS.ProcessEnv;
  /** Share of the time since the last call in which the event loop was busy; default: measured. */
  eventLoopUtilization?: () => number;
};

export type Gateway = {
  /** Bound addresses; ports differ from the configuration when it says 0. */
  addresses: { http: Address; rtmp: Address; rtmps?: Address };
  welcome: Welcome;
  /** Resolves (never rejects) when the gateway cannot continue and must be closed. */
  failed: Promise<Error>;
  /** Closes every broadcast such that the next start resumes it, and every listener. Idempotent. */
  close(): Promise<void>;
};

type Address = { host: string; port: number };

/**
 * Composition root: creates all modules and opens the listeners. Closes what was opened if one fails.
 *
 * @throws HeadendError with a message for the operator: `data_dir_in_use`, `database_unreachable`, `ffmpeg_missing` …
 */
export async function startGateway(config: Config, context: GatewayContext): Promise<Gateway> {
  const { clock, log } = context;
  const closing: (() => unknown)[] = [];
  const closeAll = async (): Promise<void> => {
    for (const close of closing.splice(0).reverse()) await close();
  };
  try {
    const database = await openDatabase({ url: config.databaseUrl, dataDir: config.dataDir }, log);
    closing.push(() => database.close());
    const { sql } = database;
    await migrate(sql, { folder: path.join(projectRoot(), 'migrations') }, log);
    const operatorToken = await loadOperatorToken({
      configured: config.operatorToken,
      dataDir: config.dataDir,
    });

    const { secret } = await loadSecretFile(path.join(config.dataDir, 'secret'));
    const release = await releaseVersion();
    const bound: BoundPorts = { http: 0, rtmp: 0, rtmps: undefined };
    const { urls, origin } = publicAddresses(config.publicUrl, bound, config.rewindWindowMs);
    const authentication = createAuthentication({
      sql,
      clock,
      log: log.child({ module: 'accounts' }),
      operatorToken,
      operatorId: operatorToken.fingerprint(derivedKey(secret, 'operator in viewer tokens')),
      jwt: config.jwt,
      publicOrigin: origin,
      registration: config.registration.policy,
      defaultRole: config.registration.role,
    });
    authentication.start();
    closing.push(() => authentication.close());
    const { authenticate, accounts, follows } = authentication;
    const keys: StreamKeys = new StreamKeys({
      sql,
      dropKey: (keyId) => streams.dropKey(keyId),
      keepDays: config.keepDays.keyUses,
      clock,
      log: log.child({ module: 'accounts' }),
    });
    keys.start();
    closing.push(() => keys.close());
    const channels = new Channels(sql);
    const audit = openAudit(config, { sql, clock, log });
    closing.push(() => audit.close());

    const transcoder = openTranscoder(config, context, (...ids) => packager.findPresentation(...ids));
    await transcoder.start();
    closing.push(() => transcoder.close());
    const packager: Packager = createPackager({
      partDurationS: config.partDurationS,
      segmentDurationS: config.segmentDurationS,
      windowDurationS: config.windowDurationS,
      clock,
      log,
    });

    const iceServers = new IceServers({ ...config.ice, clock, log });
    const pool = createWebrtcPool({
      workers: config.webrtc.workers,
      firstPort: config.webrtc.port,
      publicIps: config.webrtc.publicIps,
      ...(config.webrtc.host === undefined ? {} : { bindAddress: config.webrtc.host }),
      clock,
      log: log.child({ module: 'webrtc' }),
    });
    await pool.start();
    closing.push(() => pool.close());
    const whepEgress = createWhepEgress({ pool, clock, log });

    const webhooks = createWebhooks({
      sql,
      privateAddresses: config.webhooksToPrivateAddresses,
      version: release,
      keepDays: config.keepDays.webhookDeliveries,
      clock,
      log: log.child({ module: 'webhooks' }),
    });
    await webhooks.start();
    closing.push(() => webhooks.close());
    const livestreams = new Livestreams({
      sql,
      keepKey: (transaction, livestream) => keys.insertFirst(transaction, livestream),
      recorded: (recording) => webhooks.emit('recording.ready', recording),
      clock,
    });
    const streams: StreamRegistry = new StreamRegistry({
      sql,
      livestreams,
      admit: createKeyAdmission({
        keys,
        channels,
        findStream: (streamId) => livestreams.publishingStatus(streamId),
        streamForChannel: (channel) => streams.streamForChannel(channel),
        findAccount: (id) => accounts.findAccount(id),
        clock,
        log,
      }),
      mayPublish: (broadcast) => mayStillPublish(broadcast, (id) => accounts.findAccount(id)),
      graceMs: config.reconnectGraceMs,
      maxBroadcasts: config.limits.broadcasts,
      clock,
      log,
    });
    // Order at the end of a broadcast: notify WebRTC viewers, encode the last frames, close the playlist, then the recording.
    streams.subscribe(whepEgress);
    streams.subscribe(transcoder);
    streams.subscribe(packager);
    const modules = { sql, livestreams, streams, packager, transcoder, webhooks, urls, clock, log };
    const furtherUsage = async (userId: string): Promise<number> => (await videos.usage(userId)).sizeBytes;
    const recordings = await openRecordings(config, { ...modules, furtherUsage });
    closing.push(() => recordings.close());
    const videos: Videos = openVideos(config, { ...modules, recordings });
    closing.push(() => videos.close());
    const restreams = openRestreams(config, {
      ...modules,
      keys,
      ...{ whepEgress, transcoder },
      bound,
      secret,
      version: release,
    });
    closing.push(() => restreams.close());
    const calls = new BoundedCalls({ clock });
    const health = openHealth({ ...modules, calls });
    closing.push(() => health.close());
    const qoe = openQoe(modules);
    closing.push(() => qoe.close());
    announceBroadcasts({ ...modules, log: log.child({ module: 'webhooks' }) });
    const { thumbnails, captures } = startThumbnails(config, { ...modules, transcoder });
    closing.push(() => captures.close());
    keepTestsPrivate({ ...modules, captures });
    await streams.start();
    recordings.start();
    videos.start();

    const rtmpServer = createRtmpServer({
      publish: (publisher) => streams.publish(publisher),
      host: listeningHost(config.rtmp.host),
      port: config.rtmp.port,
      ...(config.rtmps ? { tls: config.rtmps } : {}),
      limits: {
        connections: config.limits.rtmpConnections,
        connectionsPerAddress: config.limits.rtmpConnectionsPerAddress,
      },
      readsAv1: transcoder.readsAv1,
      maxPixels: config.limits.framePixels,
      relayId: relayIdOf(secret),
      clock,
      log: log.child({ module: 'rtmp' }),
    });

    const whip = createWhipIngest({
      pool,
      publish: (publisher) => streams.publish(publisher),
      maximumBitrateBps: config.webrtc.maximumBitrateBps,
      maxPixels: config.limits.framePixels,
      relayId: relayIdOf(secret),
      clock,
      log: log.child({ module: 'whip' }),
    });
    const service = new WebrtcService({
      publish: (request) => whip.publish(request),
      view: (request) => whepEgress.view(request),
      offer: (streamId) => whepEgress.offer(streamId),
      viewers: (streamId) => whepEgress.viewers(streamId),
      create: createWithKey(livestreams),
      livestreams,
      streams,
      iceServers,
    });

    const viewerOffers = new OfferLimit(clock, config.limits.offersPerAddress);
    const hub = createSocketHub({
      authenticate,
      clock,
      log: log.child({ module: 'sockets' }),
      limits: { connections: config.limits.sockets, connectionsPerAddress: config.limits.socketsPerAddress },
    });
    const audience = new Audience({
      sql,
      calls,
      livestreams,
      streams,
      authenticate,
      identities: authentication.identities,
      secret: derivedKey(secret, 'viewer tokens'),
      hub,
      keepDays: config.keepDays.viewers,
      limits: { newViewers: config.limits.newViewersPerAddress },
      replayHistory: (client, streamId, enter) => chat.replayOnJoin(client, streamId, enter),
      clock,
      log: log.child({ module: 'audience' }),
    });
    const recordingAdmission = new RecordingAdmission({
      recordings: watchedMedia(recordings, videos),
      ...{ livestreams, authenticate, identities: authentication.identities, calls },
      secret: derivedKey(secret, 'viewer tokens'),
      clock,
      log: log.child({ module: 'audience' }),
    });
    recordingAdmission.start();
    closing.push(() => recordingAdmission.close());
    audience.onPeak((peak) => webhooks.emit('viewers.peak', peak));
    await audience.start();
    closing.push(() => audience.close());
    const chat: Chat = createChat({
      sql,
      hub,
      livestreams,
      isFollowing: (follower, followed) => follows.isFollowing(follower, followed),
      isAdminAccount: async (userId) => (await accounts.findAccount(userId))?.role === 'admin',
      addressSecret: derivedKey(secret, 'addresses in chat'),
      keepDays: config.keepDays.chat,
      clock,
      log: log.child({ module: 'chat' }),
    });
    await chat.start();
    closing.push(() => chat.close());
    const signalling = new Signalling({
      service,
      iceServers,
      hub,
      admit: (client, streamId, token) => audience.admitClient(client, streamId, token),
      onChange: (listener) => streams.onChange(listener),
      offers: viewerOffers,
      clock,
      log: log.child({ module: 'signalling' }),
    });
    signalling.start();
    closing.push(() => signalling.close());
    hub.add(statusFeature({ restreams, livestreams, hub }));
    for (const feature of [signalling, audience.feature, chat.feature]) hub.add(feature);
    carryAccessChanges({ authentication, streams, audience, recordingAdmission, hub });
    const holders = {
      ...{ authentication, keys, channels, livestreams, streams, thumbnails, audience, chat },
      ...{ recordings, recordingAdmission, videos, restreams, health, qoe },
    };
    startAccountDeletion({ ...holders, audit });

    const basePath = publicUrlPath(config.publicUrl);
    const hlsDelivery = new HlsDelivery({
      processes: config.hlsProcesses,
      timeouts: CONNECTION_TIMEOUTS,
      admission: audience,
      recordCmcd: (sample) => qoe.recordCmcd(sample),
      utilization: context.eventLoopUtilization,
      clock,
      log: log.child({ module: 'hls' }),
    });
    const http = createServer({
      log,
      clock,
      trustProxy: config.trustProxy,
      version: release,
      basePath,
      limits: {
        connections: config.limits.httpConnections,
        connectionsPerAddress: config.limits.httpConnectionsPerAddress,
      },
      takeConnection: (...connection) => hlsDelivery.takeConnection(...connection),
    });
    if (config.trustProxy === true) warnOfTrustedPeers(config.http.host, log);
    const measured = new AbortController();
    closing.push(() => measured.abort());
    const load = new EventLoopLoad(clock, measured.signal);
    await registerRoutes(http, {
      ...holders,
      guards: createGuards({ authenticate, calls }),
      ...{ packager, whepEgress, viewerOffers, whip, iceServers, hub, webhooks, urls, origin, basePath },
      checks: { database: () => calls.run(() => sql`select 1`) },
      ...{ calls, load, audit },
      nodeHealth: openNodeHealth(config, {
        ...modules,
        ...{ recordings, pool, load, calls, version: release, signal: measured.signal },
      }),
      settings: readableSettings(context.environment),
      clock,
      log: log.child({ module: 'http' }),
    });
    void iceServers.check();

    // Closed in reverse order: RTMP listeners, broadcasts, blocked playlist requests, HTTP requests.
    closing.push(() => Promise.all([http.close(), hlsDelivery.close()]));
    hlsDelivery.start(http.server, (...exchange) => http.routing(...exchange));
    closing.push(() => packager.close());
    closing.push(() => streams.close());
    await http.listen({ host: listeningHost(config.http.host), port: config.http.port });
    bound.http = (http.server.address() as AddressInfo).port;
    await rtmpServer.start();
    closing.push(() => rtmpServer.close());
    const { port, rtmpsPort } = rtmpServer.address();
    Object.assign(bound, { rtmp: port, rtmps: rtmpsPort });
    const { host } = config.rtmp;

    let closed: Promise<void> | undefined;
    return {
      addresses: {
        http: { host: config.http.host, port: bound.http },
        rtmp: { host, port: bound.rtmp },
        ...(bound.rtmps === undefined ? {} : { rtmps: { host, port: bound.rtmps } }),
      },
      welcome: await createWelcome(authentication, urls, config),
      failed: database.lost,
      close: () => (closed ??= closeAll()),
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}
