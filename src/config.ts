import { availableParallelism } from 'node:os';
import path from 'node:path';
import { objectStoreConfig } from './config/s3-settings.js';
import { type ConfiguredRung, SETTINGS } from './config/settings.js';
import {
  HeadendError,
  type LogLevel,
  type Setting,
  SettingProblem,
  type TrustedProxies,
} from './platform/index.js';
import type { ObjectStoreOptions } from './recordings/index.js';

/** Rate of a token bucket: tokens of a full one, and ms until one more. */
type RatePerMinute = { burst: number; refillMs: number };

/** Returns the rate that allows `count` at once, and as many in each further minute. */
function ratePerMinute(count: number): RatePerMinute {
  return { burst: count, refillMs: 60_000 / count };
}

const MAXIMUM_DEFAULT_HLS_PROCESSES = 4;

export type Config = {
  http: { host: string; port: number };
  rtmp: { host: string; port: number };
  /** RTMP over TLS; `cert` and `key` are PEM texts. */
  rtmps: { port: number; cert: string; key: string } | undefined;
  /** Without a trailing slash; undefined: `http://localhost` with the HTTP port. */
  publicUrl: string | undefined;
  dataDir: string;
  databaseUrl: string | undefined;
  operatorToken: string | undefined;
  ffmpegPath: string | undefined;
  logLevel: LogLevel;
  trustProxy: TrustedProxies;
  ladder: ConfiguredRung[] | 'off';
  /** Undefined: encoders run without viewers too. */
  ladderIdleMs: number | undefined;
  videoEncoder: 'software' | 'nvenc' | 'vaapi' | 'qsv' | 'videotoolbox';
  vaapiDevice: string;
  videoPreset: string;
  audioBitrateBps: number;
  partDurationS: number;
  segmentDurationS: number;
  windowDurationS: number;
  /** Maximum processes that serve HLS besides the gateway. */
  hlsProcesses: number;
  /** Time that a broadcast waits for its publisher to reconnect. */
  reconnectGraceMs: number;
  /** `file`: picture or film instead of the last picture; `text`: sentence over that, empty: none. */
  slate: { file: string | undefined; text: string } | undefined;
  /** Time that viewers can rewind; 0: they cannot. */
  rewindWindowMs: number;
  /** 0: no thumbnails. */
  thumbnailIntervalMs: number;
  recordings: {
    dir: string;
    renditions: 'source' | 'all';
    /** Whether what viewers see while the publisher is away is recorded. */
    slates: boolean;
    /** Of one account; 0: unlimited. */
    quotaBytes: number;
    /** Free disk space below which nothing is recorded. */
    minimumFreeBytes: number;
    /** Undefined: recordings stay in the folder. */
    objectStore: ObjectStoreOptions | undefined;
  };
  uploads: {
    /** 0: uploads are refused. */
    maximumBytes: number;
    maximumDurationS: number;
    /** Unfinished ones of an account. */
    maximumPerAccount: number;
  };
  webrtc: {
    /** Undefined: every interface. */
    host: string | undefined;
    /** UDP port of the first worker; each further worker uses the next port. */
    port: number;
    workers: number;
    /** Public IP addresses behind NAT 1:1. */
    publicIps: string[];
    /** Maximum of a WHIP publisher, all layers together. */
    maximumBitrateBps: number;
  };
  ice: {
    stunUrls: string[];
    turnServer: string | undefined;
    turnUsername: string | undefined;
    turnPassword: string | undefined;
    /** Secret for time-limited credentials of coturn, instead of name and password. */
    turnSecret: string | undefined;
  };
  limits: {
    broadcasts: number;
    rtmpConnections: number;
    rtmpConnectionsPerAddress: number;
    httpConnections: number;
    /** Per IPv4 address or IPv6 /64 network. */
    httpConnectionsPerAddress: number;
    sockets: number;
    /** Per IPv4 address or IPv6 /64 network. */
    socketsPerAddress: number;
    /** Per IPv4 address or IPv6 /64 network, as are the next. */
    newViewersPerAddress: RatePerMinute;
    /** Offers of viewers, and their connections that are being established. */
    offersPerAddress: RatePerMinute & { connecting: number };
    /** Maximum of a published video frame. */
    framePixels: number;
    /** Maximum resident memory of one ffmpeg process. */
    ffmpegMemoryBytes: number;
  };
  /** Retention; 0: unlimited. */
  keepDays: {
    chat: number;
    viewers: number;
    keyUses: number;
    audit: number;
    webhookDeliveries: number;
    recordings: number;
  };
  /** Registration policy, and role of accounts registered without an invitation. */
  registration: { policy: 'open' | 'invitation' | 'closed'; role: 'viewer' | 'broadcaster' };
  /** Host platform whose JSON Web Tokens are accepted. */
  jwt:
    | {
        keys: { url: string } | { secret: string };
        issuer: string;
        audience: string;
        rolesClaim: string;
        nameClaim: string;
      }
    | undefined;
  /** Whether webhooks may target private addresses and this machine. */
  webhooksToPrivateAddresses: boolean;
  restreams: {
    toPrivateAddresses: boolean;
    /** Maximum of outputs at the same time. */
    maximum: number;
  };
  /** Secret that encrypts what must be read again; undefined: that of DATA_DIR. */
  encryptionSecret: string | undefined;
};

/** Returns every setting with its default (empty: none) and its description. */
export function configTable(): { name: string; fallback: string; help: string }[] {
  return Object.values(SETTINGS).map(({ name, fallback, help }) => ({
    name,
    fallback: fallback ?? '',
    help,
  }));
}

/** Settings that administrators may read: ladder, limits and retention; no secrets, no addresses. */
const READABLE =
  /^(LADDER|MAX_|KEEP_|UPLOAD_|RECORD|DVR_|VIDEO_|AUDIO_|HLS_|FFMPEG_MAX|WEBRTC_(WORKERS|MAX)|PART_|SEGMENT_|WINDOW_|RECONNECT_|SLATE$|THUMBNAIL_|REGISTRATION)/;
const UNREADABLE = /_DIR$/;

/** Returns the settings in force that administrators may read. */
export function readableSettings(
  environment: NodeJS.ProcessEnv,
): { name: string; value: string; isDefault: boolean; description: string }[] {
  return configTable()
    .filter(({ name }) => READABLE.test(name) && !UNREADABLE.test(name))
    .map(({ name, fallback, help }) => ({
      name,
      value: environment[name] || fallback,
      isDefault: !environment[name],
      description: help,
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
 * @throws HeadendError `config_invalid`; the message names every invalid setting, one per line.
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
  // An invalid setting is undefined here, but then the function throws before it returns the config.
  const required = <T>(from: Setting<T>): T => optional(from) as T;

  const rtmpsPort = optional(SETTINGS.rtmpsPort);
  const ladderIdleS = required(SETTINGS.ladderIdleS);
  const slate = required(SETTINGS.slate);
  const cert = optional(SETTINGS.tlsCert);
  const key = optional(SETTINGS.tlsKey);
  if (rtmpsPort !== undefined && !(environment.TLS_CERT && environment.TLS_KEY))
    problems.push('RTMPS_PORT needs TLS_CERT and TLS_KEY: set both, or unset RTMPS_PORT');
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
    ladderIdleMs: ladderIdleS === 'off' ? undefined : ladderIdleS * 1000,
    videoEncoder: required(SETTINGS.videoEncoder),
    vaapiDevice: required(SETTINGS.vaapiDevice),
    videoPreset: required(SETTINGS.videoPreset),
    audioBitrateBps: required(SETTINGS.audioBitrateBps),
    partDurationS: required(SETTINGS.partDurationS),
    segmentDurationS: required(SETTINGS.segmentDurationS),
    windowDurationS: required(SETTINGS.windowDurationS),
    hlsProcesses:
      optional(SETTINGS.hlsProcesses) ?? Math.min(availableParallelism() - 1, MAXIMUM_DEFAULT_HLS_PROCESSES),
    reconnectGraceMs: required(SETTINGS.reconnectGraceS) * 1_000,
    slate:
      slate === 'off'
        ? undefined
        : { file: slate === 'on' ? undefined : slate.file, text: required(SETTINGS.slateText) },
    rewindWindowMs: required(SETTINGS.rewindWindowS) * 1_000,
    thumbnailIntervalMs: required(SETTINGS.thumbnailIntervalS) * 1_000,
    recordings: {
      dir: path.resolve(
        optional(SETTINGS.recordingsDir) ?? path.join(required(SETTINGS.dataDir), 'recordings'),
      ),
      renditions: required(SETTINGS.recordRenditions),
      slates: required(SETTINGS.recordSlate),
      quotaBytes: required(SETTINGS.recordingQuotaGigabytes) * 1e9,
      minimumFreeBytes: required(SETTINGS.recordingsMinimumFreeMegabytes) * 1e6,
      objectStore: objectStoreConfig(optional, (problem) => problems.push(problem)),
    },
    uploads: {
      maximumBytes: required(SETTINGS.uploadMaximumGigabytes) * 1e9,
      maximumDurationS: required(SETTINGS.uploadMaximumHours) * 3_600,
      maximumPerAccount: required(SETTINGS.maxUploads),
    },
    webrtc: {
      host: optional(SETTINGS.webrtcHost),
      port: required(SETTINGS.webrtcPort),
      workers: optional(SETTINGS.webrtcWorkers) ?? availableParallelism(),
      publicIps: optional(SETTINGS.webrtcPublicIps) ?? [],
      maximumBitrateBps: required(SETTINGS.webrtcMaximumBitrateBps),
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
      newViewersPerAddress: ratePerMinute(required(SETTINGS.maxNewViewersPerAddress)),
      offersPerAddress: {
        ...ratePerMinute(required(SETTINGS.maxOffersPerAddress)),
        connecting: required(SETTINGS.maxConnectingPerAddress),
      },
      framePixels: required(SETTINGS.maxFramePixels),
      ffmpegMemoryBytes: required(SETTINGS.ffmpegMemoryMegabytes) * 2 ** 20,
    },
    keepDays: {
      chat: required(SETTINGS.keepChatDays),
      viewers: required(SETTINGS.keepViewersDays),
      keyUses: required(SETTINGS.keepKeyUsesDays),
      audit: required(SETTINGS.keepAuditDays),
      webhookDeliveries: required(SETTINGS.keepDeliveriesDays),
      recordings: required(SETTINGS.keepRecordingsDays),
    },
    registration: {
      policy: required(SETTINGS.registration),
      role: required(SETTINGS.registrationRole),
    },
    jwt: undefined,
    webhooksToPrivateAddresses: required(SETTINGS.webhooksPrivate),
    restreams: {
      toPrivateAddresses: required(SETTINGS.restreamsPrivate),
      maximum: required(SETTINGS.maxRestreams),
    },
    encryptionSecret: optional(SETTINGS.encryptionSecret),
  };
  const jwksUrl = optional(SETTINGS.jwksUrl);
  const jwtSecret = optional(SETTINGS.jwtSecret);
  const issuer = optional(SETTINGS.jwtIssuer);
  const audience = optional(SETTINGS.jwtAudience);
  if (environment.AUTH_JWKS_URL && environment.AUTH_JWT_SECRET)
    problems.push('AUTH_JWKS_URL and AUTH_JWT_SECRET exclude each other: unset one of them');
  const keys = jwksUrl ? { url: jwksUrl } : jwtSecret ? { secret: jwtSecret } : undefined;
  const keysGiven = environment.AUTH_JWKS_URL || environment.AUTH_JWT_SECRET;
  if (keys && issuer && audience) {
    const rolesClaim = required(SETTINGS.jwtRolesClaim);
    config.jwt = { keys, issuer, audience, rolesClaim, nameClaim: required(SETTINGS.jwtNameClaim) };
  } else if (!keysGiven !== !issuer || !issuer !== !audience)
    problems.push(
      'AUTH_JWT_ISSUER, AUTH_JWT_AUDIENCE and one of AUTH_JWKS_URL and AUTH_JWT_SECRET must be set together',
    );
  if (problems.length === 0 && config.partDurationS * 2 > config.segmentDurationS)
    problems.push('PART_DURATION must be at most half of SEGMENT_DURATION');
  if (problems.length === 0 && config.webrtc.port + config.webrtc.workers - 1 > 65_535)
    problems.push(
      `WEBRTC_PORT must be at most ${65_536 - config.webrtc.workers}: each of the ${config.webrtc.workers} WebRTC workers uses one port`,
    );
  const { turnServer, turnUsername, turnPassword, turnSecret } = config.ice;
  if (turnServer && !turnSecret && !(turnUsername && turnPassword))
    problems.push('TURN_SERVER needs TURN_SECRET, or TURN_USERNAME and TURN_PASSWORD');
  if (problems.length > 0) throw new HeadendError('config_invalid', problems.join('\n'));
  return config;
}
