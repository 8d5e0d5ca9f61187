import { availableParallelism } from 'node:os';
import path from 'node:path';
import { type ConfiguredRung, SETTINGS } from './config/settings.js';
import {
  HeadendError,
  type LogLevel,
  type Setting,
  SettingProblem,
  type TrustedProxies,
} from './platform/index.js';

export type Config = {
  http: { host: string; port: number };
  rtmp: { host: string; port: number };
  /** RTMP over TLS; the texts are PEM. */
  rtmps: { port: number; cert: string; key: string } | undefined;
  /** Without a trailing slash; undefined: `http://localhost` with the port that the gateway listens on. */
  publicUrl: string | undefined;
  dataDir: string;
  databaseUrl: string | undefined;
  operatorToken: string | undefined;
  ffmpegPath: string | undefined;
  logLevel: LogLevel;
  trustProxy: TrustedProxies;
  ladder: ConfiguredRung[] | 'off';
  videoEncoder: 'software' | 'nvenc' | 'vaapi' | 'qsv' | 'videotoolbox';
  vaapiDevice: string;
  videoPreset: string;
  /** Bits per second. */
  audioBitrate: number;
  /** Seconds. */
  partDuration: number;
  segmentDuration: number;
  windowDuration: number;
  /** Wait of a broadcast for a lost publisher, ms. */
  graceMs: number;
  /** Interval of thumbnails, ms; 0: none. */
  thumbnailMs: number;
  webrtc: {
    /** Undefined: every interface. */
    host: string | undefined;
    /** UDP port of the first worker; the others follow. */
    port: number;
    workers: number;
    /** Addresses that the outside knows this machine by (NAT 1:1). */
    publicIps: string[];
    /** Bits per second that a WHIP publisher may send, all layers together. */
    maximumBitrate: number;
  };
  ice: {
    stunUrls: string[];
    turnServer: string | undefined;
    turnUsername: string | undefined;
    turnPassword: string | undefined;
    /** For coturn's time-limited credentials; instead of name and password. */
    turnSecret: string | undefined;
  };
  limits: {
    broadcasts: number;
    rtmpConnections: number;
    rtmpConnectionsPerAddress: number;
    httpConnections: number;
    /** For an IPv4 address, or a /64 network of IPv6. */
    httpConnectionsPerAddress: number;
    sockets: number;
    /** For an IPv4 address, or a /64 network of IPv6. */
    socketsPerAddress: number;
    /** Of the largest picture that a publisher may send. */
    picturePixels: number;
    /** Resident memory of one ffmpeg process. */
    ffmpegBytes: number;
  };
  /** How long what grows by itself is kept, in days; 0: for ever. */
  keepDays: { chat: number; viewers: number; keyUses: number; webhookDeliveries: number };
  /** Policy of registration, and role of accounts registered without invitation. */
  registration: { policy: 'open' | 'invitation' | 'closed'; role: 'viewer' | 'broadcaster' };
  /** A host platform whose tokens are taken. */
  jwt:
    | {
        keys: { url: string } | { secret: string };
        issuer: string;
        audience: string;
        rolesClaim: string;
        nameClaim: string;
      }
    | undefined;
  /** Whether webhooks may lead to private addresses and to this machine. */
  webhooksToPrivateAddresses: boolean;
};

/** Every setting with its default (empty: none) and what it is for. */
export function configTable(): { name: string; fallback: string; help: string }[] {
  return Object.values(SETTINGS).map(({ name, fallback, help }) => ({
    name,
    fallback: fallback ?? '',
    help,
  }));
}

/** Returns the text of `--help`. */
export function configHelp(): string {
  const rows = configTable();
  const width = Math.max(...rows.map(({ name }) => name.length));
  const lines = rows.map(
    ({ name, fallback, help }) => `  ${name.padEnd(width)}  ${help}${fallback && ` [${fallback}]`}`,
  );
  return `Headend, a live-streaming gateway. Settings are environment variables [default]:\n\n${lines.join('\n')}\n`;
}

/**
 * Reads the settings.
 *
 * @throws HeadendError `config_invalid` whose message names every setting that is wrong, one a line.
 */
export function readConfig(environment: NodeJS.ProcessEnv): Config {
  const problems: string[] = [];
  const attempt = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof SettingProblem)) throw error;
      problems.push(error.message);
      return undefined;
    }
  };
  const optional = <T>(from: Setting<T>): T | undefined => {
    const value = environment[from.name] || from.fallback;
    return value === undefined ? undefined : attempt(() => from.read(value, from.name));
  };
  // A setting that is wrong has its problem noted, and nothing is returned then: the value is never seen.
  const required = <T>(from: Setting<T>): T => optional(from) as T;

  const rtmpsPort = optional(SETTINGS.rtmpsPort);
  const cert = optional(SETTINGS.tlsCert);
  const key = optional(SETTINGS.tlsKey);
  if (rtmpsPort !== undefined && !(environment.TLS_CERT && environment.TLS_KEY))
    problems.push('RTMPS_PORT needs TLS_CERT and TLS_KEY');
  const http = { host: required(SETTINGS.httpHost), port: required(SETTINGS.httpPort) };
  const config: Config = {
    http,
    rtmp: { host: required(SETTINGS.rtmpHost), port: required(SETTINGS.rtmpPort) },
    rtmps: rtmpsPort !== undefined && cert && key ? { port: rtmpsPort, cert, key } : undefined,
    publicUrl: optional(SETTINGS.publicUrl),
    dataDir: path.resolve(required(SETTINGS.dataDir)),
    databaseUrl: optional(SETTINGS.databaseUrl),
    operatorToken: optional(SETTINGS.operatorToken),
    ffmpegPath: optional(SETTINGS.ffmpegPath),
    logLevel: required(SETTINGS.logLevel),
    trustProxy: required(SETTINGS.trustProxy),
    ladder: required(SETTINGS.ladder),
    videoEncoder: required(SETTINGS.videoEncoder),
    vaapiDevice: required(SETTINGS.vaapiDevice),
    videoPreset: required(SETTINGS.videoPreset),
    audioBitrate: required(SETTINGS.audioBitrate),
    partDuration: required(SETTINGS.partDuration),
    segmentDuration: required(SETTINGS.segmentDuration),
    windowDuration: required(SETTINGS.windowDuration),
    graceMs: required(SETTINGS.reconnectGrace) * 1_000,
    thumbnailMs: required(SETTINGS.thumbnailEvery) * 1_000,
    webrtc: {
      host: optional(SETTINGS.webrtcHost),
      port: required(SETTINGS.webrtcPort),
      workers: optional(SETTINGS.webrtcWorkers) ?? availableParallelism(),
      publicIps: optional(SETTINGS.webrtcPublicIps) ?? [],
      maximumBitrate: required(SETTINGS.webrtcBitrate),
    },
    ice: {
      stunUrls: required(SETTINGS.stunUrls),
      turnServer: optional(SETTINGS.turnServer),
      turnUsername: optional(SETTINGS.turnUsername),
      turnPassword: optional(SETTINGS.turnPassword),
      turnSecret: optional(SETTINGS.turnSecret),
    },
    limits: {
      broadcasts: required(SETTINGS.maxBroadcasts),
      rtmpConnections: required(SETTINGS.maxRtmp),
      rtmpConnectionsPerAddress: required(SETTINGS.maxRtmpPerAddress),
      httpConnections: required(SETTINGS.maxHttp),
      httpConnectionsPerAddress: required(SETTINGS.maxHttpPerAddress),
      sockets: required(SETTINGS.maxSockets),
      socketsPerAddress: required(SETTINGS.maxSocketsPerAddress),
      picturePixels: required(SETTINGS.maxPicturePixels),
      ffmpegBytes: required(SETTINGS.ffmpegMemory) * 2 ** 20,
    },
    keepDays: {
      chat: required(SETTINGS.keepChat),
      viewers: required(SETTINGS.keepViewers),
      keyUses: required(SETTINGS.keepKeyUses),
      webhookDeliveries: required(SETTINGS.keepDeliveries),
    },
    registration: {
      policy: required(SETTINGS.registration),
      role: required(SETTINGS.registrationRole),
    },
    jwt: undefined,
    webhooksToPrivateAddresses: required(SETTINGS.webhooksPrivate),
  };
  const jwksUrl = optional(SETTINGS.jwksUrl);
  const jwtSecret = optional(SETTINGS.jwtSecret);
  const issuer = optional(SETTINGS.jwtIssuer);
  const audience = optional(SETTINGS.jwtAudience);
  if (environment.AUTH_JWKS_URL && environment.AUTH_JWT_SECRET)
    problems.push('AUTH_JWKS_URL and AUTH_JWT_SECRET exclude each other');
  const keys = jwksUrl ? { url: jwksUrl } : jwtSecret ? { secret: jwtSecret } : undefined;
  const keysGiven = environment.AUTH_JWKS_URL || environment.AUTH_JWT_SECRET;
  if (keys && issuer && audience) {
    const rolesClaim = required(SETTINGS.jwtRolesClaim);
    config.jwt = { keys, issuer, audience, rolesClaim, nameClaim: required(SETTINGS.jwtNameClaim) };
  } else if (!keysGiven !== !issuer || !issuer !== !audience)
    problems.push(
      'AUTH_JWT_ISSUER and AUTH_JWT_AUDIENCE are needed with AUTH_JWKS_URL or AUTH_JWT_SECRET, all three together',
    );
  if (problems.length === 0 && config.partDuration * 2 > config.segmentDuration)
    problems.push('PART_DURATION must be at most half of SEGMENT_DURATION');
  if (problems.length === 0 && config.webrtc.port + config.webrtc.workers - 1 > 65_535)
    problems.push(
      `WEBRTC_PORT must leave a port up to 65535 for each of the ${config.webrtc.workers} WebRTC workers`,
    );
  const { turnServer, turnUsername, turnPassword, turnSecret } = config.ice;
  if (turnServer && !turnSecret && !(turnUsername && turnPassword))
    problems.push('TURN_SERVER needs TURN_SECRET, or TURN_USERNAME and TURN_PASSWORD');
  if (problems.length > 0) throw new HeadendError('config_invalid', problems.join('\n'));
  return config;
}
