import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import path from 'node:path';
import {
  ANONYMOUS,
  createAdmission,
  hashStreamKey,
  loadOperatorToken,
  mintStreamKey,
} from './accounts/index.js';
import {
  createOperatorGuard,
  createServer,
  healthRoutes,
  livestreamRoutes,
  pageRoutes,
} from './api/index.js';
import type { Config } from './config.js';
import { hlsRoutes } from './egress/hls/index.js';
import { createRealtimeEgress, whepRoutes } from './egress/whep/index.js';
import { createRtmpServer } from './ingest/rtmp/index.js';
import { createWhipIngest, whipRoutes } from './ingest/whip/index.js';
import { createPackager } from './packager/index.js';
import { type Clock, type Logger, migrate, openDatabase, projectRoot } from './platform/index.js';
import { createRealtime, realtimeRoutes } from './realtime/index.js';
import { Signalling, WebrtcService } from './signalling/index.js';
import { Streams } from './streams/index.js';
import { createTranscoder } from './transcode/index.js';
import { createWebrtcPool, IceServers } from './webrtc/index.js';

const RTMP_DEFAULT_PORT = 1935;
const RTMPS_DEFAULT_PORT = 443;

export type GatewayContext = {
  clock: Clock;
  log: Logger;
  /** The process's environment: children get what they need of it, and nothing else is read from it. */
  environment: NodeJS.ProcessEnv;
};

export type Gateway = {
  /** What was bound; ports differ from the configuration where that said 0. */
  addresses: { http: Address; rtmp: Address; rtmps?: Address };
  /** The operator token, when this start made it: to be shown once. */
  newOperatorToken: string | undefined;
  /** Settles (never rejects) when the gateway can't go on: it must be closed then. */
  failed: Promise<Error>;
  /** Puts every broadcast down so that the next start can take it up again, and closes every listener. Idempotent. */
  close(): Promise<void>;
};

type Address = { host: string; port: number };

/**
 * Builds the house room by room and opens its doors. What was opened before a failure is closed again.
 *
 * @throws HeadendError with a sentence for the operator: `data_dir_in_use`, `database_unreachable`, `ffmpeg_missing` …
 */
export async function startGateway(config: Config, context: GatewayContext): Promise<Gateway> {
  const { clock, log, environment } = context;
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

    const transcoder = createTranscoder({
      ffmpegPath: config.ffmpegPath,
      environment,
      ladder: config.ladder,
      audioBitrate: config.audioBitrate,
      segmentDuration: config.segmentDuration,
      videoEncoder: config.videoEncoder,
      vaapiDevice: config.vaapiDevice,
      preset: config.videoPreset,
      clock,
      log,
    });
    await transcoder.start();
    closing.push(() => transcoder.close());
    const packager = createPackager({
      partDuration: config.partDuration,
      segmentDuration: config.segmentDuration,
      windowDuration: config.windowDuration,
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
      log: log.child({ room: 'webrtc' }),
    });
    await pool.start();
    closing.push(() => pool.close());
    const realtime = createRealtimeEgress({ pool, clock, log });

    const streams: Streams = new Streams({
      sql,
      admit: createAdmission({
        findStreamByKeyHash: (hash) => streams.findByStreamKeyHash(hash),
        clock,
        log,
      }),
      graceMs: config.graceMs,
      maxBroadcasts: config.limits.broadcasts,
      clock,
      log,
    });
    // In this order they leave a broadcast that ends: WebRTC viewers are told at once, the last pictures are encoded, then
    // the playlist is closed.
    streams.invite(realtime);
    streams.invite(transcoder);
    streams.invite(packager);
    await streams.start();

    const rtmpServer = createRtmpServer({
      publish: (publisher) => streams.publish(publisher),
      host: listeningHost(config.rtmp.host),
      port: config.rtmp.port,
      ...(config.rtmps ? { tls: config.rtmps } : {}),
      limits: {
        connections: config.limits.rtmpConnections,
        connectionsPerAddress: config.limits.rtmpConnectionsPerAddress,
      },
      readableCodecs: transcoder.readableCodecs,
      clock,
      log: log.child({ room: 'rtmp' }),
    });

    const http = createServer({ log, clock, trustProxy: config.trustProxy, version: await version() });
    const bound = { http: { host: config.http.host, port: 0 }, rtmp: { host: config.rtmp.host, port: 0 } };
    const publicUrl = (): URL => new URL(config.publicUrl ?? `http://localhost:${bound.http.port}`);
    let rtmpsPort: number | undefined;
    await http.register(livestreamRoutes, {
      streams,
      requireOperator: createOperatorGuard({ verify: (token) => operatorToken.verify(token), clock }),
      urls: {
        rtmpServer: () => ingestUrl('rtmp', publicUrl().hostname, bound.rtmp.port, RTMP_DEFAULT_PORT),
        rtmpsServer: () =>
          rtmpsPort === undefined
            ? undefined
            : ingestUrl('rtmps', publicUrl().hostname, rtmpsPort, RTMPS_DEFAULT_PORT),
        whip: () => absolute(publicUrl(), 'whip'),
        hls: (streamId) => absolute(publicUrl(), `hls/${streamId}/index.m3u8`),
        watch: (streamId) => absolute(publicUrl(), `watch/${streamId}`),
        whep: (streamId) => absolute(publicUrl(), `whep/${streamId}`),
      },
    });
    await http.register(hlsRoutes, { packager, clock });
    const whip = createWhipIngest({
      pool,
      publish: (publisher) => streams.publish(publisher),
      maximumBitrate: config.webrtc.maximumBitrate,
      clock,
      log: log.child({ room: 'whip' }),
    });
    const basePath = publicUrlPath(config.publicUrl);
    await http.register(whipRoutes, { ingest: whip, iceServers, clock, basePath });
    await http.register(whepRoutes, {
      egress: realtime,
      find: (streamId) => streams.find(streamId),
      iceServers,
      clock,
      basePath,
    });
    const service = new WebrtcService({
      publish: (request) => whip.publish(request),
      view: (request) => realtime.view(request),
      offer: (streamId) => realtime.offer(streamId),
      viewers: (streamId) => realtime.viewers(streamId),
      create: async (userId, { title, description = '', recordingEnabled = false }) => {
        const streamKey = mintStreamKey();
        const streamKeyHash = hashStreamKey(streamKey);
        const { id } = await streams.create({ userId, title, description, recordingEnabled, streamKeyHash });
        return { streamId: id, streamKey };
      },
      streams,
      iceServers,
    });
    const hub = createRealtime({
      authenticate: async () => ANONYMOUS,
      clock,
      log: log.child({ room: 'realtime' }),
    });
    const signalling = new Signalling({
      service,
      iceServers,
      hub,
      admit: async () => ({ token: '', hold: () => () => {}, withdraw: () => {} }),
      onChange: (listener) => streams.onChange(listener),
      clock,
      log: log.child({ room: 'signalling' }),
    });
    hub.add(signalling);
    signalling.start();
    closing.push(() => signalling.close());
    await http.register(realtimeRoutes, { realtime: hub, clock });
    void iceServers.check();
    await http.register(healthRoutes, { clock, checks: { database: () => sql`select 1` } });
    await http.register(pageRoutes, { root: path.join(projectRoot(), '.build/web') });

    // Closed from the bottom up: no new publishers, broadcasts put down, waiting viewers sent away, requests done.
    closing.push(() => http.close());
    closing.push(() => packager.close());
    closing.push(() => streams.close());
    await http.listen({ host: listeningHost(config.http.host), port: config.http.port });
    bound.http.port = (http.server.address() as AddressInfo).port;
    await rtmpServer.start();
    closing.push(() => rtmpServer.close());
    const ingest = rtmpServer.address();
    bound.rtmp.port = ingest.port;
    rtmpsPort = ingest.rtmpsPort;

    let closed: Promise<void> | undefined;
    return {
      addresses: {
        ...bound,
        ...(rtmpsPort === undefined ? {} : { rtmps: { host: config.rtmp.host, port: rtmpsPort } }),
      },
      newOperatorToken: operatorToken.created,
      failed: database.lost,
      close: () => (closed ??= closeAll()),
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

/** Every address of the machine: both families, or IPv4 alone on a machine without IPv6. */
function listeningHost(host: string): string {
  if (host !== '::') return host;
  const hasIpv6 = Object.values(networkInterfaces())
    .flat()
    .some((address) => address?.family === 'IPv6');
  return hasIpv6 ? host : '0.0.0.0';
}

function ingestUrl(protocol: 'rtmp' | 'rtmps', hostname: string, port: number, defaultPort: number): string {
  return `${protocol}://${hostname}${port === defaultPort ? '' : `:${port}`}/live`;
}

/** What stands before every path in the addresses that clients use; mostly nothing. */
function publicUrlPath(publicUrl: string | undefined): string {
  return publicUrl === undefined ? '' : new URL(publicUrl).pathname.replace(/\/+$/, '');
}

/** An address below the public one, which may have a path of its own. */
function absolute(base: URL, below: string): string {
  return `${base.href.replace(/\/+$/, '')}/${below}`;
}

async function version(): Promise<string> {
  const file = path.join(projectRoot(), 'package.json');
  return (JSON.parse(await readFile(file, 'utf8')) as { version: string }).version;
}
