import { readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { configHelp, configTable, readConfig } from '../src/config.js';
import { projectRoot } from '../src/platform/index.js';

t.test('an empty environment gives the defaults', async (t) => {
  const config = readConfig({});
  t.match(config, {
    http: { port: 8080 },
    rtmp: { port: 1935 },
    rtmps: undefined,
    publicUrl: undefined,
    databaseUrl: undefined,
    partDurationS: 0.333,
    segmentDurationS: 2,
    reconnectGraceMs: 60_000,
    thumbnailIntervalMs: 60_000,
    videoEncoder: 'software',
  });
  t.equal(config.dataDir, path.resolve('data'));
  t.strictSame(config.ladder === 'off' ? [] : config.ladder.map((rung) => `${rung.height}:${rung.bitrate}`), [
    '1080:4500000',
    '720:2500000',
    '480:1200000',
    '360:700000',
    '240:350000',
  ]);
});

t.test('retention periods and connection limits are configurable', async (t) => {
  t.match(readConfig({}), {
    keepDays: { chat: 365, viewers: 365, keyUses: 90, webhookDeliveries: 30 },
    limits: {
      sockets: 10_000,
      httpConnectionsPerAddress: 8_000,
      socketsPerAddress: 2_000,
      newViewersPerAddress: { burst: 2_000, refillMs: 30 },
      offersPerAddress: { burst: 600, refillMs: 100, connecting: 200 },
      framePixels: 4_096 * 2_304,
      ffmpegMemoryBytes: 1_536 * 1_024 * 1_024,
    },
  });
  const changed = {
    KEEP_CHAT_DAYS: '0',
    MAX_SOCKETS_PER_ADDRESS: '5',
    MAX_NEW_VIEWERS_PER_ADDRESS: '60',
    MAX_WEBRTC_OFFERS_PER_ADDRESS: '30',
    MAX_WEBRTC_CONNECTING_PER_ADDRESS: '3',
  };
  t.match(readConfig(changed), {
    keepDays: { chat: 0 },
    limits: {
      socketsPerAddress: 5,
      newViewersPerAddress: { burst: 60, refillMs: 1_000 },
      offersPerAddress: { burst: 30, refillMs: 2_000, connecting: 3 },
    },
  });
  t.throws(() => readConfig({ KEEP_CHAT_DAYS: '-1', MAX_SOCKETS: '0' }), {
    message: /MAX_SOCKETS[\s\S]*KEEP_CHAT_DAYS/,
  });
});

t.test('the time after which an unwatched ladder is suspended is configurable, or off', async (t) => {
  t.equal(readConfig({}).ladderIdleMs, 60_000);
  t.equal(readConfig({ LADDER_IDLE: '2.5' }).ladderIdleMs, 2_500);
  t.equal(readConfig({ LADDER_IDLE: 'off' }).ladderIdleMs, undefined);
  for (const wrong of ['0', '-1', '86401', 'on'])
    t.throws(() => readConfig({ LADDER_IDLE: wrong }), { message: /LADDER_IDLE/ });
});

t.test('an empty variable counts as absent', async (t) => {
  t.equal(readConfig({ HTTP_PORT: '' }).http.port, 8080);
});

t.test('every invalid setting is named in one error', async (t) => {
  const wrong = {
    HTTP_PORT: '99999',
    RTMP_PORT: 'x',
    PUBLIC_URL: 'ftp://host',
    DATABASE_URL: 'mysql://user:hunter2@host/db',
    OPERATOR_TOKEN: 'short',
    LADDER: '720',
    PART_DURATION: '9',
    SEGMENT_DURATION: 'two',
    RECONNECT_GRACE: '-1',
    VIDEO_ENCODER: 'magic',
    LOG_LEVEL: 'loud',
    TRUST_PROXY: 'maybe',
    TLS_CERT: '/nowhere/cert.pem',
    MAX_BROADCASTS: '0',
  };
  try {
    readConfig(wrong);
    t.fail('no error');
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    t.equal(code, 'config_invalid');
    for (const name of Object.keys(wrong)) t.match(message, name);
    t.equal(message.split('\n').length, Object.keys(wrong).length, 'one line each');
    t.notMatch(message, 'hunter2', 'a password is not repeated');
    t.notMatch(message, 'short', 'a token is not repeated');
  }
});

t.test('contradictory settings are refused', async (t) => {
  t.throws(() => readConfig({ RTMPS_PORT: '1936' }), { message: /^RTMPS_PORT needs TLS_CERT and TLS_KEY/ });
  const jwt = { AUTH_JWT_ISSUER: 'https://host.example', AUTH_JWT_AUDIENCE: 'headend' };
  t.throws(() => readConfig({ AUTH_JWKS_URL: 'https://host.example/keys' }), {
    message: /must be set together/,
  });
  t.throws(() => readConfig(jwt), { message: /must be set together/ });
  t.throws(() => readConfig({ ...jwt, AUTH_JWT_SECRET: 'short' }), {
    message: 'AUTH_JWT_SECRET must have at least 32 characters',
  });
  t.throws(
    () => readConfig({ ...jwt, AUTH_JWKS_URL: 'https://host.example/keys', AUTH_JWT_SECRET: 'x'.repeat(32) }),
    { message: /exclude each other/ },
  );
  t.throws(() => readConfig({ PART_DURATION: '1', SEGMENT_DURATION: '1.5' }), { message: /at most half/ });
});

t.test('tokens of a host platform are verified by its keys or a shared secret', async (t) => {
  const jwt = { AUTH_JWT_ISSUER: 'https://host.example', AUTH_JWT_AUDIENCE: 'headend' };
  const claims = {
    issuer: 'https://host.example',
    audience: 'headend',
    rolesClaim: 'roles',
    nameClaim: 'name',
  };
  t.equal(readConfig({}).jwt, undefined);
  t.strictSame(readConfig({ ...jwt, AUTH_JWKS_URL: 'https://host.example/keys' }).jwt, {
    keys: { url: 'https://host.example/keys' },
    ...claims,
  });
  t.strictSame(readConfig({ ...jwt, AUTH_JWT_SECRET: 'x'.repeat(32) }).jwt, {
    keys: { secret: 'x'.repeat(32) },
    ...claims,
  });
});

t.test('the ladder is parsed with its units, or disabled', async (t) => {
  t.strictSame(readConfig({ LADDER: '720:2m, 360:700k' }).ladder, [
    { height: 720, bitrate: 2_000_000 },
    { height: 360, bitrate: 700_000 },
  ]);
  t.equal(readConfig({ LADDER: 'off' }).ladder, 'off');
  for (const bad of ['721:1m', '10:1m', '720:1', '720:1g', ','])
    t.throws(() => readConfig({ LADDER: bad }), { code: 'config_invalid' }, bad);
});

t.test('the help names every setting and matches the table in the README', async (t) => {
  const readme = readFileSync(path.join(projectRoot(), 'README.md'), 'utf8');
  for (const row of configTable()) {
    t.match(configHelp(), row.name);
    t.ok(
      readme.includes(
        `| \`${row.name}\` | ${row.fallback === '' ? '' : `\`${row.fallback}\``} | ${row.help} |`,
      ),
      `${row.name} in the README`,
    );
  }
});

t.test('retention periods are bounded, and the error says how to keep data forever', async (t) => {
  const names = ['KEEP_CHAT_DAYS', 'KEEP_VIEWERS_DAYS', 'KEEP_KEY_USES_DAYS', 'KEEP_WEBHOOK_DELIVERIES_DAYS'];
  for (const name of names) {
    for (const value of ['10001', '36500', '1e9', 'Infinity', '1.5', ' '])
      t.throws(
        () => readConfig({ [name]: value }),
        { message: new RegExp(`^${name} must be .* from 1 to 10000, or 0 to keep them for ever`) },
        `${name}=${value}`,
      );
    t.doesNotThrow(() => readConfig({ [name]: '10000' }));
  }
});

t.test('every WebRTC worker needs a port', async (t) => {
  t.throws(() => readConfig({ WEBRTC_PORT: '65535', WEBRTC_WORKERS: '2' }), { message: /^WEBRTC_PORT must/ });
  t.equal(readConfig({ WEBRTC_PORT: '65534', WEBRTC_WORKERS: '2' }).webrtc.port, 65_534);
});

t.test('trusted proxies are addresses or networks, and invalid ones are refused', async (t) => {
  t.equal(readConfig({}).trustProxy, false);
  t.equal(readConfig({ TRUST_PROXY: 'true' }).trustProxy, true);
  t.strictSame(readConfig({ TRUST_PROXY: '127.0.0.1,10.0.0.0/8,::1' }).trustProxy, [
    '127.0.0.1',
    '10.0.0.0/8',
    '::1',
  ]);
  t.throws(() => readConfig({ TRUST_PROXY: '127.0.0.1,10.0.0.0/40' }), {
    code: 'config_invalid',
    message: /TRUST_PROXY must be .*, not "10\.0\.0\.0\/40" in "127\.0\.0\.1,10\.0\.0\.0\/40"/,
  });
});

t.test('the object store needs a bucket and its key', async (t) => {
  t.equal(readConfig({}).recordings.objectStore, undefined);
  const own = { S3_BUCKET: 'recordings', S3_ACCESS_KEY_ID: 'id', S3_SECRET_ACCESS_KEY: 'secret' };
  t.match(readConfig(own).recordings.objectStore, {
    endpoint: undefined,
    region: 'us-east-1',
    pathStyle: false,
  });
  const other = { ...own, S3_ENDPOINT: 'http://localhost:9000/', S3_PREFIX: '/a/b/' };
  t.match(readConfig(other).recordings.objectStore, {
    ...{ endpoint: 'http://localhost:9000', prefix: 'a/b', pathStyle: true },
  });
  for (const [wrong, message] of [
    [{ S3_BUCKET: 'recordings' }, /S3_BUCKET needs S3_ACCESS_KEY_ID/],
    [{ S3_ENDPOINT: 'http://localhost:9000' }, /need S3_BUCKET/],
    [{ ...own, S3_BUCKET: '../x' }, /S3_BUCKET must be/],
    [{ ...own, S3_PREFIX: 'a/../x' }, /S3_PREFIX must be/],
  ] as const)
    t.throws(() => readConfig(wrong), { message });
});
