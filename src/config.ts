import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import {
  decimal,
  fail,
  HeadendError,
  type LogLevel,
  list,
  oneOf,
  pemFile,
  type Read,
  type Setting,
  SettingProblem,
  secretOf,
  setting,
  text,
  url,
  whole,
  yesOrNo,
} from './platform/index.js';

/** One encoded version below the source: its height in pixels and its bitrate at 30 frames per second, in bits/s. */
export type ConfiguredRung = { height: number; bitrate: number };

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
  trustProxy: boolean;
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
  /** How long a broadcast waits for a lost publisher, in ms. */
  graceMs: number;
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
  limits: { broadcasts: number; rtmpConnections: number; rtmpConnectionsPerAddress: number };
  /** Who may make an account, and what those may do who needed no invitation. */
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

const databaseUrl: Read<string> = (value, name) => {
  // The value may hold a password: it is not repeated.
  if (!/^postgres(ql)?:\/\//.test(value)) throw new SettingProblem(`${name} must be a postgres:// URL`);
  return value;
};

/** `720:2500k,480:1200k`: height and bitrate at 30 frames per second. */
const ladder: Read<ConfiguredRung[] | 'off'> = (value, name) => {
  if (value === 'off') return 'off';
  return value.split(',').map((entry) => {
    const match = /^\s*(\d{2,4}):(\d+)(k|m)?\s*$/i.exec(entry);
    if (!match) return fail(name, 'off, or HEIGHT:BITRATE entries such as 720:2500k,360:700k', value);
    const unit = { k: 1_000, m: 1_000_000, '': 1 }[(match[3] ?? '').toLowerCase()] ?? 1;
    const rung = { height: Number(match[1]), bitrate: Number(match[2]) * unit };
    if (
      rung.height < 96 ||
      rung.height > 4320 ||
      rung.height % 2 ||
      rung.bitrate < 50_000 ||
      rung.bitrate > 100_000_000
    )
      fail(name, 'heights (even, 96 to 4320) and bitrates (50k to 100m)', value);
    return rung;
  });
};

const stunUrl = (entry: string): boolean => /^stuns?:[\w.\-[\]:]+$/i.test(entry);
const turnUrl: Read<string> = (value, name) =>
  /^turns?:[\w.\-[\]:]+(\?transport=(udp|tcp))?$/i.test(value)
    ? value
    : fail(name, 'a turn: or turns: URL', value);

const SETTINGS = {
  httpPort: setting('HTTP_PORT', whole(0, 65_535), '8080', 'port of pages, API and HLS'),
  httpHost: setting('HTTP_HOST', text, '::', 'address of that listener'),
  rtmpPort: setting('RTMP_PORT', whole(0, 65_535), '1935', 'port for RTMP ingest'),
  rtmpHost: setting('RTMP_HOST', text, '::', 'address of the RTMP and RTMPS listeners'),
  rtmpsPort: setting('RTMPS_PORT', whole(0, 65_535), undefined, 'port for RTMP over TLS; off unless set'),
  tlsCert: setting('TLS_CERT', pemFile, undefined, 'certificate chain for RTMPS, a PEM file'),
  tlsKey: setting('TLS_KEY', pemFile, undefined, 'private key for RTMPS, a PEM file'),
  publicUrl: setting(
    'PUBLIC_URL',
    url,
    undefined,
    'how viewers reach the gateway; default http://localhost:HTTP_PORT',
  ),
  trustProxy: setting('TRUST_PROXY', yesOrNo, 'false', 'believe X-Forwarded-* headers (set it behind nginx)'),
  dataDir: setting('DATA_DIR', text, './data', 'folder for the embedded database and secrets'),
  databaseUrl: setting(
    'DATABASE_URL',
    databaseUrl,
    undefined,
    'a PostgreSQL server; unset: embedded, in DATA_DIR',
  ),
  operatorToken: setting(
    'OPERATOR_TOKEN',
    secretOf(16),
    undefined,
    'bearer token of the API; unset: made at the first start',
  ),
  ffmpegPath: setting('FFMPEG_PATH', text, undefined, 'the ffmpeg program; default: ffmpeg in PATH'),
  logLevel: setting(
    'LOG_LEVEL',
    oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
    'info',
    'least level that is logged',
  ),
  ladder: setting(
    'LADDER',
    ladder,
    '1080:4500k,720:2500k,480:1200k,360:700k,240:350k',
    'renditions below the source, HEIGHT:BITRATE at 30 fps; off: the source alone',
  ),
  videoEncoder: setting(
    'VIDEO_ENCODER',
    oneOf('software', 'nvenc', 'vaapi', 'qsv', 'videotoolbox'),
    'software',
    'who encodes; hardware is tried at start, software takes over when it fails',
  ),
  vaapiDevice: setting('VAAPI_DEVICE', text, '/dev/dri/renderD128', 'device for VIDEO_ENCODER=vaapi'),
  videoPreset: setting(
    'VIDEO_PRESET',
    oneOf('ultrafast', 'superfast', 'veryfast', 'faster', 'fast', 'medium'),
    'veryfast',
    'x264 preset: picture quality against CPU',
  ),
  audioBitrate: setting(
    'AUDIO_BITRATE',
    whole(32_000, 512_000),
    '128000',
    'bits/s of the shared AAC rendition',
  ),
  partDuration: setting('PART_DURATION', decimal(0.1, 1), '0.333', 'seconds of an LL-HLS part'),
  segmentDuration: setting('SEGMENT_DURATION', decimal(1, 6), '2', 'seconds of a segment, at least'),
  windowDuration: setting('WINDOW_DURATION', decimal(12, 600), '30', 'seconds that a playlist reaches back'),
  reconnectGrace: setting(
    'RECONNECT_GRACE',
    decimal(0, 3_600),
    '60',
    'seconds a broadcast waits for a lost publisher',
  ),
  webrtcHost: setting(
    'WEBRTC_HOST',
    text,
    undefined,
    'address of the WebRTC workers; default: every interface',
  ),
  webrtcPort: setting(
    'WEBRTC_PORT',
    whole(0, 65_535),
    '8189',
    'UDP port of the first WebRTC worker; the others follow',
  ),
  webrtcWorkers: setting(
    'WEBRTC_WORKERS',
    whole(1, 64),
    undefined,
    'WebRTC worker processes; default: one per core',
  ),
  webrtcPublicIps: setting(
    'WEBRTC_PUBLIC_IPS',
    list((entry) => isIP(entry) > 0, 'IP addresses separated by commas'),
    undefined,
    'addresses the outside knows this machine by (NAT 1:1)',
  ),
  webrtcBitrate: setting(
    'WEBRTC_MAX_BITRATE',
    whole(100_000, 100_000_000),
    '6000000',
    'bits/s a WHIP publisher may send',
  ),
  stunUrls: setting(
    'STUN_URLS',
    list(stunUrl, 'off, or stun: URLs separated by commas'),
    'stun:stun.l.google.com:19302,stun:stun1.l.google.com:19302',
    'STUN servers that clients are told; off: none',
  ),
  turnServer: setting('TURN_SERVER', turnUrl, undefined, 'TURN server that clients are told'),
  turnUsername: setting('TURN_USERNAME', text, undefined, 'its user name (with TURN_PASSWORD)'),
  turnPassword: setting('TURN_PASSWORD', text, undefined, 'its password'),
  turnSecret: setting(
    'TURN_SECRET',
    text,
    undefined,
    "its secret for time-limited credentials (coturn's use-auth-secret)",
  ),
  registration: setting(
    'REGISTRATION',
    oneOf('open', 'invitation', 'closed'),
    'invitation',
    'who may make an account: anybody, who was invited, nobody',
  ),
  registrationRole: setting(
    'REGISTRATION_ROLE',
    oneOf('viewer', 'broadcaster'),
    'viewer',
    'what accounts may do that were made without an invitation',
  ),
  jwksUrl: setting('AUTH_JWKS_URL', url, undefined, "where a host platform's public keys are (JWK Set)"),
  jwtSecret: setting('AUTH_JWT_SECRET', secretOf(32), undefined, 'or the secret it signs with (HS256)'),
  jwtIssuer: setting('AUTH_JWT_ISSUER', text, undefined, 'what its tokens must say as `iss`'),
  jwtAudience: setting('AUTH_JWT_AUDIENCE', text, undefined, 'and as `aud`'),
  jwtRolesClaim: setting(
    'AUTH_JWT_ROLES_CLAIM',
    text,
    'roles',
    'the claim with viewer, broadcaster or admin; `a.b` is b in a',
  ),
  jwtNameClaim: setting('AUTH_JWT_NAME_CLAIM', text, 'name', 'the claim with the name that others see'),
  webhooksPrivate: setting(
    'WEBHOOK_PRIVATE_ADDRESSES',
    yesOrNo,
    'true',
    'webhooks may lead to private addresses and to this machine',
  ),
  maxBroadcasts: setting('MAX_BROADCASTS', whole(1, 10_000), '100', 'broadcasts at the same time'),
  maxRtmp: setting('MAX_RTMP_CONNECTIONS', whole(1, 100_000), '2000', 'RTMP connections in all'),
  maxRtmpPerAddress: setting(
    'MAX_RTMP_CONNECTIONS_PER_ADDRESS',
    whole(1, 100_000),
    '50',
    'RTMP connections per address',
  ),
};

/** Every setting with its default (empty: none) and what it is for. */
export function configTable(): { name: string; fallback: string; help: string }[] {
  return Object.values(SETTINGS).map(({ name, fallback, help }) => ({
    name,
    fallback: fallback ?? '',
    help,
  }));
}

/** What `--help` prints. */
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
  const { turnServer, turnUsername, turnPassword, turnSecret } = config.ice;
  if (turnServer && !turnSecret && !(turnUsername && turnPassword))
    problems.push('TURN_SERVER needs TURN_SECRET, or TURN_USERNAME and TURN_PASSWORD');
  if (problems.length > 0) throw new HeadendError('config_invalid', problems.join('\n'));
  return config;
}
