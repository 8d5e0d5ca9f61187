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

/** One encoded version below the source: its height in pixels and its bitrate at 30 frames per second, in bits/s. */
export type ConfiguredRung = { height: number; bitrate: number };

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

/** Longer than any gateway has run; what is to stay says 0. */
const MAXIMUM_DAYS = 10_000;

/** 0: for ever. */
const DAYS: Read<number> = (value, name) => {
  const days = Number(value);
  if (!Number.isInteger(days) || days < 0 || days > MAXIMUM_DAYS || value.trim() === '')
    fail(name, `a whole number of days from 1 to ${MAXIMUM_DAYS}, or 0 to keep them for ever`, value);
  return days;
};

/** Every environment variable that the gateway reads. */
export const SETTINGS = {
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
  trustProxy: setting(
    'TRUST_PROXY',
    trustedProxies,
    'false',
    'whose X-Forwarded-* headers are believed: addresses and networks of proxies (127.0.0.1,10.0.0.0/8); true: of every peer',
  ),
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
  thumbnailEvery: setting(
    'THUMBNAIL_EVERY',
    whole(0, 86_400),
    '60',
    'seconds between pictures of broadcasts that nobody gave one; 0: none',
  ),
  webrtcHost: setting(
    'WEBRTC_HOST',
    text,
    undefined,
    'address of the WebRTC workers; default: every interface',
  ),
  webrtcPort: setting(
    'WEBRTC_PORT',
    whole(1, 65_535),
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
  keepChat: setting(
    'KEEP_CHAT_DAYS',
    DAYS,
    '365',
    'days that chat messages, polls and its log are kept; 0: for ever',
  ),
  keepViewers: setting(
    'KEEP_VIEWERS_DAYS',
    DAYS,
    '365',
    'days that it is known who watched when, and how many; 0: for ever',
  ),
  keepKeyUses: setting(
    'KEEP_KEY_USES_DAYS',
    DAYS,
    '90',
    'days that uses of stream keys are kept; 0: for ever',
  ),
  keepDeliveries: setting(
    'KEEP_WEBHOOK_DELIVERIES_DAYS',
    DAYS,
    '30',
    'days that delivered webhook messages are kept, failed ones three times as long; 0: for ever',
  ),
  maxHttp: setting(
    'MAX_HTTP_CONNECTIONS',
    whole(100, 1_000_000),
    '20000',
    'HTTP connections in all, those of sockets among them',
  ),
  maxHttpPerAddress: setting(
    'MAX_HTTP_CONNECTIONS_PER_ADDRESS',
    whole(10, 1_000_000),
    '2000',
    'HTTP connections per address (IPv6: per /64 network); proxies of TRUST_PROXY may have all',
  ),
  maxSockets: setting(
    'MAX_SOCKETS',
    whole(1, 1_000_000),
    '10000',
    'connections to /ws and /socket.io in all',
  ),
  maxSocketsPerAddress: setting(
    'MAX_SOCKETS_PER_ADDRESS',
    whole(1, 1_000_000),
    '1000',
    'such connections per address (IPv6: per /64 network)',
  ),
  maxBroadcasts: setting('MAX_BROADCASTS', whole(1, 10_000), '100', 'broadcasts at the same time'),
  maxRtmp: setting('MAX_RTMP_CONNECTIONS', whole(1, 100_000), '2000', 'RTMP connections in all'),
  maxRtmpPerAddress: setting(
    'MAX_RTMP_CONNECTIONS_PER_ADDRESS',
    whole(1, 100_000),
    '50',
    'RTMP connections per address',
  ),
  maxPicturePixels: setting(
    'MAX_PICTURE_PIXELS',
    whole(921_600, 35_651_584),
    '9437184',
    'pixels of the largest picture a publisher may send: 4096x2304, as H.264 level 5.1 has it',
  ),
  ffmpegMemory: setting(
    'FFMPEG_MAX_MEMORY',
    whole(256, 65_536),
    '1536',
    'megabytes of memory that one ffmpeg process may take (Linux)',
  ),
};
