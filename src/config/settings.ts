import { isIP } from 'node:net';
import {
  decimal,
  fail,
  list,
  oneOf,
  pemFile,
  type Read,
  SettingProblem,
  secretOf,
  setting,
  text,
  trustedProxies,
  url,
  whole,
  yesOrNo,
} from '../platform/index.js';
import { RECORDING_SETTINGS } from './recording-settings.js';
import { RESTREAM_SETTINGS } from './restream-settings.js';
import { S3_SETTINGS } from './s3-settings.js';
import { SLATE_SETTINGS } from './slate-settings.js';
import { UPLOAD_SETTINGS } from './upload-settings.js';

/** Rendition below the source: height, pixels, and bitrate at 30 frames per second, bits/s. */
export type ConfiguredRung = { height: number; bitrate: number };

const databaseUrl: Read<string> = (value, name) => {
  // The message omits the value, which may contain a password.
  if (!/^postgres(ql)?:\/\//.test(value)) throw new SettingProblem(`${name} must be a postgres:// URL`);
  return value;
};

/** Parses `HEIGHT:BITRATE` entries separated by commas, such as `720:2500k,480:1200k`. */
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

const offOr =
  <T>(read: Read<T>): Read<T | 'off'> =>
  (value, name) =>
    value === 'off' ? 'off' : read(value, name);

const stunUrl = (entry: string): boolean => /^stuns?:[\w.\-[\]:]+$/i.test(entry);
const turnUrl: Read<string> = (value, name) =>
  /^turns?:[\w.\-[\]:]+(\?transport=(udp|tcp))?$/i.test(value)
    ? value
    : fail(name, 'a turn: or turns: URL', value);

/** Maximum retention; 0 is used for unlimited retention. */
const MAXIMUM_DAYS = 10_000;

/** Parses a retention in days; 0: unlimited. */
const DAYS: Read<number> = (value, name) => {
  const days = Number(value);
  if (!Number.isInteger(days) || days < 0 || days > MAXIMUM_DAYS || value.trim() === '')
    fail(name, `a whole number of days from 1 to ${MAXIMUM_DAYS}, or 0 to keep them for ever`, value);
  return days;
};

/** Environment variables of the gateway. The README holds the same table as `--help`. */
export const SETTINGS = {
  httpPort: setting('HTTP_PORT', whole(0, 65_535), '8080', 'port of the HTTP server (pages, API, HLS)'),
  httpHost: setting('HTTP_HOST', text, '::', 'address that the HTTP server listens on'),
  rtmpPort: setting('RTMP_PORT', whole(0, 65_535), '1935', 'port of the RTMP server'),
  rtmpHost: setting('RTMP_HOST', text, '::', 'address that the RTMP and RTMPS servers listen on'),
  rtmpsPort: setting(
    'RTMPS_PORT',
    whole(0, 65_535),
    undefined,
    'port of the RTMPS server (RTMP over TLS); unset: off',
  ),
  tlsCert: setting('TLS_CERT', pemFile, undefined, 'PEM file with the certificate chain for RTMPS'),
  tlsKey: setting('TLS_KEY', pemFile, undefined, 'PEM file with the private key for RTMPS'),
  publicUrl: setting(
    'PUBLIC_URL',
    url,
    undefined,
    'URL at which viewers reach the gateway; default: http://localhost:HTTP_PORT',
  ),
  trustProxy: setting(
    'TRUST_PROXY',
    trustedProxies,
    'false',
    'addresses and networks of the proxies whose X-Forwarded-* headers are trusted (127.0.0.1,10.0.0.0/8); true: every direct peer',
  ),
  dataDir: setting('DATA_DIR', text, './data', 'folder of the embedded database, secrets and thumbnails'),
  recordingsDir: setting(
    'RECORDINGS_DIR',
    text,
    undefined,
    'folder of recordings; default: recordings in DATA_DIR',
  ),
  databaseUrl: setting(
    'DATABASE_URL',
    databaseUrl,
    undefined,
    'URL of a PostgreSQL server; unset: embedded server in DATA_DIR',
  ),
  operatorToken: setting(
    'OPERATOR_TOKEN',
    secretOf(16),
    undefined,
    'bearer token of the operator, at least 16 characters; unset: generated at the first start',
  ),
  ffmpegPath: setting('FFMPEG_PATH', text, undefined, 'path of the ffmpeg program; default: ffmpeg in PATH'),
  logLevel: setting(
    'LOG_LEVEL',
    oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
    'info',
    'lowest level of the log lines that are written',
  ),
  ladder: setting(
    'LADDER',
    ladder,
    '1080:4500k,720:2500k,480:1200k,360:700k,240:350k',
    'renditions below the source, HEIGHT:BITRATE at 30 fps; off: the source only',
  ),
  ladderIdleS: setting(
    'LADDER_IDLE',
    offOr(decimal(1, 86_400)),
    '60',
    'time without HLS viewers after which nothing is encoded for HLS, seconds; off: encodes always',
  ),
  videoEncoder: setting(
    'VIDEO_ENCODER',
    oneOf('software', 'nvenc', 'vaapi', 'qsv', 'videotoolbox'),
    'software',
    'video encoder; hardware is tested at the start, and replaced by software if it fails',
  ),
  vaapiDevice: setting('VAAPI_DEVICE', text, '/dev/dri/renderD128', 'render device for VIDEO_ENCODER=vaapi'),
  videoPreset: setting(
    'VIDEO_PRESET',
    oneOf('ultrafast', 'superfast', 'veryfast', 'faster', 'fast', 'medium'),
    'veryfast',
    'x264 preset: slower ones need more CPU for better quality',
  ),
  audioBitrateBps: setting(
    'AUDIO_BITRATE',
    whole(32_000, 512_000),
    '128000',
    'bitrate of audio that is encoded, bits/s; AAC-LC of RTMP publishers is copied where possible',
  ),
  partDurationS: setting('PART_DURATION', decimal(0.1, 1), '0.333', 'duration of an LL-HLS part, seconds'),
  segmentDurationS: setting('SEGMENT_DURATION', decimal(1, 6), '2', 'minimum duration of a segment, seconds'),
  windowDurationS: setting(
    'WINDOW_DURATION',
    decimal(12, 600),
    '15',
    'duration of the media in a playlist, seconds; at least 3 target durations are kept',
  ),
  hlsProcesses: setting(
    'HLS_PROCESSES',
    whole(0, 64),
    undefined,
    'maximum processes that serve HLS when one core is not enough; default: one per further CPU core, at most 4; 0: none',
  ),
  reconnectGraceS: setting(
    'RECONNECT_GRACE',
    decimal(0, 3_600),
    '60',
    'time that a broadcast waits for its publisher to reconnect, seconds',
  ),
  ...SLATE_SETTINGS,
  thumbnailIntervalS: setting(
    'THUMBNAIL_EVERY',
    whole(0, 86_400),
    '60',
    'interval between thumbnails captured from broadcasts that have none of their own, seconds; 0: none, and no previews of recordings',
  ),
  ...RECORDING_SETTINGS,
  ...UPLOAD_SETTINGS,
  ...S3_SETTINGS,
  webrtcHost: setting(
    'WEBRTC_HOST',
    text,
    undefined,
    'address that the WebRTC workers listen on; default: every interface',
  ),
  webrtcPort: setting(
    'WEBRTC_PORT',
    whole(1, 65_535),
    '8189',
    'UDP port of the first WebRTC worker; each further worker uses the next port',
  ),
  webrtcWorkers: setting(
    'WEBRTC_WORKERS',
    whole(1, 64),
    undefined,
    'number of WebRTC worker processes; default: one per CPU core',
  ),
  webrtcPublicIps: setting(
    'WEBRTC_PUBLIC_IPS',
    list((entry) => isIP(entry) > 0, 'IP addresses separated by commas'),
    undefined,
    'public IP addresses of this machine behind NAT 1:1, separated by commas',
  ),
  webrtcMaximumBitrateBps: setting(
    'WEBRTC_MAX_BITRATE',
    whole(100_000, 100_000_000),
    '6000000',
    'maximum bitrate of a WHIP publisher, bits/s',
  ),
  stunUrls: setting(
    'STUN_URLS',
    list(stunUrl, 'off, or stun: URLs separated by commas'),
    'stun:stun.l.google.com:19302,stun:stun1.l.google.com:19302',
    'STUN servers for clients, separated by commas; off: none',
  ),
  turnServer: setting('TURN_SERVER', turnUrl, undefined, 'TURN server for clients'),
  turnUsername: setting('TURN_USERNAME', text, undefined, 'user name for TURN_SERVER, with TURN_PASSWORD'),
  turnPassword: setting('TURN_PASSWORD', text, undefined, 'password for TURN_SERVER'),
  turnSecret: setting(
    'TURN_SECRET',
    text,
    undefined,
    "secret of TURN_SERVER for time-limited credentials (coturn's use-auth-secret), instead of name and password",
  ),
  registration: setting(
    'REGISTRATION',
    oneOf('open', 'invitation', 'closed'),
    'invitation',
    'open: everyone may register; invitation: with an invitation; closed: only administrators create accounts',
  ),
  registrationRole: setting(
    'REGISTRATION_ROLE',
    oneOf('viewer', 'broadcaster'),
    'viewer',
    'role of accounts that are registered without an invitation',
  ),
  jwksUrl: setting(
    'AUTH_JWKS_URL',
    url,
    undefined,
    'URL of the public keys (JWK Set) of a host platform whose tokens are accepted',
  ),
  jwtSecret: setting(
    'AUTH_JWT_SECRET',
    secretOf(32),
    undefined,
    'instead of AUTH_JWKS_URL: secret with which the host platform signs (HS256), at least 32 characters',
  ),
  jwtIssuer: setting(
    'AUTH_JWT_ISSUER',
    text,
    undefined,
    "required claim `iss` of the host platform's tokens",
  ),
  jwtAudience: setting(
    'AUTH_JWT_AUDIENCE',
    text,
    undefined,
    "required claim `aud` of the host platform's tokens",
  ),
  jwtRolesClaim: setting(
    'AUTH_JWT_ROLES_CLAIM',
    text,
    'roles',
    'claim with the role: viewer, broadcaster or admin; `a.b`: claim b in claim a',
  ),
  jwtNameClaim: setting('AUTH_JWT_NAME_CLAIM', text, 'name', 'claim with the display name'),
  webhooksPrivate: setting(
    'WEBHOOK_PRIVATE_ADDRESSES',
    yesOrNo,
    'true',
    'whether webhooks may target private addresses and this machine',
  ),
  ...RESTREAM_SETTINGS,
  keepChatDays: setting(
    'KEEP_CHAT_DAYS',
    DAYS,
    '365',
    'days that chat messages, polls and moderation logs are kept; 0: for ever',
  ),
  keepViewersDays: setting(
    'KEEP_VIEWERS_DAYS',
    DAYS,
    '365',
    'days that the view history and the viewer counts are kept; 0: for ever',
  ),
  keepKeyUsesDays: setting(
    'KEEP_KEY_USES_DAYS',
    DAYS,
    '90',
    'days that the records of publishing attempts are kept; 0: for ever',
  ),
  keepAuditDays: setting(
    'KEEP_AUDIT_DAYS',
    DAYS,
    '365',
    'days that the log of who changed what is kept; 0: for ever',
  ),
  keepDeliveriesDays: setting(
    'KEEP_WEBHOOK_DELIVERIES_DAYS',
    DAYS,
    '30',
    'days that delivered webhook messages are kept; failed ones are kept three times as long; 0: for ever',
  ),
  keepRecordingsDays: setting(
    'KEEP_RECORDINGS_DAYS',
    DAYS,
    '0',
    'days that recordings are kept after their end; 0: for ever',
  ),
  maxHttp: setting(
    'MAX_HTTP_CONNECTIONS',
    whole(100, 1_000_000),
    '20000',
    'maximum HTTP connections, including sockets',
  ),
  maxHttpPerAddress: setting(
    'MAX_HTTP_CONNECTIONS_PER_ADDRESS',
    whole(10, 1_000_000),
    '8000',
    'maximum HTTP connections per address (IPv6: per /64 network); proxies of TRUST_PROXY are exempt',
  ),
  maxSockets: setting(
    'MAX_SOCKETS',
    whole(1, 1_000_000),
    '10000',
    'maximum connections to /ws and /socket.io',
  ),
  maxSocketsPerAddress: setting(
    'MAX_SOCKETS_PER_ADDRESS',
    whole(1, 1_000_000),
    '2000',
    'maximum connections to /ws and /socket.io per address (IPv6: per /64 network)',
  ),
  maxNewViewersPerAddress: setting(
    'MAX_NEW_VIEWERS_PER_ADDRESS',
    whole(10, 100_000),
    '2000',
    'maximum new viewers per minute and address (IPv6: per /64 network), by all protocols together',
  ),
  maxOffersPerAddress: setting(
    'MAX_WEBRTC_OFFERS_PER_ADDRESS',
    whole(10, 100_000),
    '600',
    'maximum WebRTC offers of viewers per minute and address (IPv6: per /64 network); one whose connection is established counts as a tenth',
  ),
  maxConnectingPerAddress: setting(
    'MAX_WEBRTC_CONNECTING_PER_ADDRESS',
    whole(1, 10_000),
    '200',
    'maximum WebRTC connections of viewers that are being established, per address (IPv6: per /64 network)',
  ),
  maxBroadcasts: setting('MAX_BROADCASTS', whole(1, 10_000), '100', 'maximum concurrent broadcasts'),
  maxRtmp: setting('MAX_RTMP_CONNECTIONS', whole(1, 100_000), '2000', 'maximum RTMP connections'),
  maxRtmpPerAddress: setting(
    'MAX_RTMP_CONNECTIONS_PER_ADDRESS',
    whole(1, 100_000),
    '50',
    'maximum RTMP connections per address',
  ),
  maxFramePixels: setting(
    'MAX_PICTURE_PIXELS',
    whole(921_600, 35_651_584),
    '9437184',
    'maximum pixels of a published video frame; default: 4096x2304 (H.264 level 5.1)',
  ),
  ffmpegMemoryMegabytes: setting(
    'FFMPEG_MAX_MEMORY',
    whole(256, 65_536),
    '1536',
    'maximum memory of one ffmpeg process, megabytes (Linux only)',
  ),
};
