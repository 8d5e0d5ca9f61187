import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { OperatorToken } from '../../src/accounts/index.js';
import { createOperatorGuard, createServer, livestreamRoutes, type PublicUrls } from '../../src/api/index.js';
import { newId, type Sql } from '../../src/platform/index.js';
import { Streams } from '../../src/streams/index.js';
import { LivestreamTable } from '../../src/streams/livestream-table.js';
import { testDatabase } from '../support/database.js';
import { FakeClock } from '../support/fake-clock.js';

const TOKEN = 'the-operator-of-the-test';
const operator = { authorization: `Bearer ${TOKEN}` };

const urls: PublicUrls = {
  rtmpServer: () => 'rtmp://live.example.test/live',
  rtmpsServer: () => undefined,
  hls: (id) => `https://live.example.test/hls/${id}/index.m3u8`,
  watch: (id) => `https://live.example.test/watch/${id}`,
};

type Desk = { app: FastifyInstance; sql: Sql; table: LivestreamTable; clock: FakeClock; logged: string[] };

async function openDesk(t: Test, over: Partial<PublicUrls> = {}): Promise<Desk> {
  const { sql } = await testDatabase(t);
  const clock = new FakeClock();
  const logged: string[] = [];
  const log = pino({ level: 'trace', base: null }, { write: (line: string) => void logged.push(line) });
  const admit = async () => ({ admitted: true, streamId: '', keyId: '' }) as const;
  const streams = new Streams({ sql, admit, graceMs: 60_000, maxBroadcasts: 10, clock, log });
  const app = createServer({ log, clock, trustProxy: false, version: '1.2.3' });
  const token = new OperatorToken(TOKEN, false);
  const requireOperator = createOperatorGuard({ verify: (candidate) => token.verify(candidate), clock });
  app.register(livestreamRoutes, { streams, requireOperator, urls: { ...urls, ...over } });
  t.teardown(() => app.close());
  return { app, sql, table: new LivestreamTable(sql), clock, logged };
}

function create(app: FastifyInstance, payload: InjectOptions['payload'], headers = operator as object) {
  return app.inject({
    method: 'POST',
    url: '/api/livestream/create',
    payload: payload ?? {},
    headers: { ...headers },
  });
}

function failed(
  t: Test,
  answer: LightMyRequestResponse,
  status: number,
  code: string,
  message?: RegExp,
): void {
  t.equal(answer.statusCode, status, answer.body);
  t.match(answer.json(), { error: { code, message: message ?? String } });
  t.match(answer.headers['content-type'], 'application/json');
}

t.test('a livestream is made, with all that an encoder and a viewer need', async (t) => {
  const { app, sql } = await openDesk(t);
  const answer = await create(app, {
    title: '  My stream ',
    description: 'Two\nlines',
    recordingEnabled: true,
    userId: 'u1',
  });
  t.equal(answer.statusCode, 201, answer.body);
  const made = answer.json();
  t.match(made.streamId, /^[0-9a-f-]{36}$/);
  t.match(made.streamKey, /^live_[a-z2-7]{32}$/);
  t.same(made.ingest, { rtmp: { server: 'rtmp://live.example.test/live', key: made.streamKey } });
  t.same(made.playback, { hls: urls.hls(made.streamId), watch: urls.watch(made.streamId) });
  t.equal(answer.headers['cache-control'], 'no-store');
  const [row] = await sql`select * from livestreams`;
  t.match(row, { title: 'My stream', description: 'Two\nlines', recording_enabled: true, user_id: 'u1' });
  t.notMatch(JSON.stringify(row), made.streamKey);
});

t.test('where RTMPS is on, its server is told too', async (t) => {
  const { app } = await openDesk(t, { rtmpsServer: () => 'rtmps://live.example.test/live' });
  const made = (await create(app, { title: 'A' })).json();
  t.same(made.ingest.rtmps, { server: 'rtmps://live.example.test/live', key: made.streamKey });
});

t.test('where WebRTC is on, its address is told with the others', async (t) => {
  const whep = (id: string) => `https://live.example.test/whep/${id}`;
  const whip = () => 'https://live.example.test/whip';
  const { app } = await openDesk(t, { whep, whip });
  const made = (await create(app, { title: 'A' })).json();
  t.same(made.ingest.whip, { server: whip(), key: made.streamKey });
  t.equal(made.playback.whep, whep(made.streamId));
  const { stream } = (await app.inject(`/api/livestream/${made.streamId}`)).json();
  t.equal(stream.playback.whep, whep(made.streamId));

  const off = await openDesk(t, { whep: () => undefined });
  t.notOk('whep' in (await create(off.app, { title: 'A' })).json().playback);
});

t.test('a livestream is shown without its key', async (t) => {
  const { app } = await openDesk(t);
  const { streamId, streamKey } = (await create(app, { title: 'A title' })).json();
  const answer = await app.inject(`/api/livestream/${streamId}`);
  t.equal(answer.statusCode, 200, answer.body);
  t.notMatch(answer.body, streamKey);
  const { createdAt, ...stream } = answer.json().stream;
  t.equal(createdAt, new Date(createdAt).toISOString());
  t.same(stream, {
    id: streamId,
    userId: null,
    title: 'A title',
    description: '',
    status: 'scheduled',
    visibility: 'public',
    viewerLimit: null,
    scheduledAt: null,
    state: { name: 'offline' },
    startedAt: null,
    endedAt: null,
    viewers: { total: 0, byProtocol: {} },
    viewerCountPeak: 0,
    recordingEnabled: false,
    recordingUrl: null,
    thumbnailUrl: null,
    playback: { hls: urls.hls(streamId), watch: urls.watch(streamId) },
    source: null,
    notices: [],
  });
});

t.test('what is live is listed, page by page', async (t) => {
  const { app, table } = await openDesk(t);
  const ids: string[] = [];
  for (let minute = 0; minute < 3; minute++) {
    const { streamId } = (await create(app, { title: `Stream ${minute}` })).json();
    await table.markLive(streamId, new Date(Date.UTC(2026, 0, 1, 0, minute)));
    ids.unshift(streamId);
  }
  await create(app, { title: 'Not live' });
  const idsOf = async (query: string): Promise<string[]> =>
    (await app.inject(`/api/livestream/active${query}`)).json().streams.map(({ id }: { id: string }) => id);
  t.same(await idsOf(''), ids);
  t.same(await idsOf('?limit=1&offset=1'), [ids[1]]);
  for (const query of [
    '?limit=0',
    '?limit=101',
    '?offset=-1',
    '?limit=ten',
    '?limit=1&limit=2',
    '?limit=',
    '?size=3',
    '?limit=1e2',
  ])
    failed(t, await app.inject(`/api/livestream/active${query}`), 400, 'validation_failed');
});

t.test('ending is for good, may be repeated, and may say where the recording is', async (t) => {
  const { app } = await openDesk(t);
  const { streamId } = (await create(app, { title: 'A' })).json();
  const url = `/api/livestream/${streamId}/end`;
  const bare = await app.inject({ method: 'POST', url, headers: operator });
  t.same([bare.statusCode, bare.json()], [200, { success: true }]);
  const announced = await app.inject({
    method: 'POST',
    url,
    headers: { ...operator, 'content-type': 'application/json' },
  });
  t.same([announced.statusCode, announced.json()], [200, { success: true }]);
  const recordingUrl = 'https://example.test/recording.mp4';
  await app.inject({ method: 'POST', url, headers: operator, payload: { recordingUrl } });
  t.match((await app.inject(`/api/livestream/${streamId}`)).json(), {
    stream: { status: 'ended', recordingUrl },
  });
  for (const wrong of ['javascript:alert(1)', 'not a url', 'https://a b', ''])
    failed(
      t,
      await app.inject({ method: 'POST', url, headers: operator, payload: { recordingUrl: wrong } }),
      400,
      'validation_failed',
    );
});

t.test('unknown streams answer 404; what can be no id is refused', async (t) => {
  const { app } = await openDesk(t);
  failed(t, await app.inject(`/api/livestream/${newId()}`), 404, 'stream_not_found');
  failed(
    t,
    await app.inject({ method: 'POST', url: `/api/livestream/${newId()}/end`, headers: operator }),
    404,
    'stream_not_found',
  );
  for (const id of ['1', 'x'.repeat(36), "1'%20or%201=1", `${newId()}0`])
    failed(t, await app.inject(`/api/livestream/${id}`), 400, 'validation_failed', /streamId/);
  failed(t, await app.inject(`/api/livestream/${'x'.repeat(300)}`), 404, 'not_found');
});

t.test('only the operator may make and end; reading is free', async (t) => {
  const { app } = await openDesk(t);
  const missing = await create(app, { title: 'A' }, {});
  failed(t, missing, 401, 'unauthorized');
  t.equal(missing.headers['www-authenticate'], 'Bearer realm="headend"');
  for (const authorization of [
    `Bearer ${TOKEN}x`,
    'Bearer',
    'Bearer ',
    `Basic ${TOKEN}`,
    TOKEN,
    `Bearer ${TOKEN} x`,
  ]) {
    const wrong = await create(app, { title: 'A' }, { authorization });
    failed(t, wrong, 401, 'unauthorized');
    t.match(wrong.headers['www-authenticate'], 'error="invalid_token"');
  }
  failed(t, await app.inject({ method: 'POST', url: `/api/livestream/${newId()}/end` }), 401, 'unauthorized');
  t.equal(
    (await create(app, { title: 'A' }, { authorization: `bearer  ${TOKEN}` })).statusCode,
    201,
    'the scheme in any case',
  );
});

t.test('an address with too many wrong tokens waits, whatever it shows', async (t) => {
  const { app, clock } = await openDesk(t);
  for (let i = 0; i < 10; i++)
    failed(t, await create(app, {}, { authorization: 'Bearer guess' }), 401, 'unauthorized');
  const throttled = await create(app, { title: 'A' });
  failed(t, throttled, 429, 'rate_limited');
  t.equal(throttled.headers['retry-after'], '6');
  failed(t, await create(app, { title: 'A' }, {}), 401, 'unauthorized');
  await clock.advance(6_000);
  t.equal((await create(app, { title: 'A' })).statusCode, 201);
});

t.test('requests that are not right are told what is wrong, and make nothing', async (t) => {
  const { app, sql } = await openDesk(t);
  const cases: [unknown, RegExp][] = [
    [{}, /title is missing/],
    [{ title: '' }, /title must NOT have fewer than 1 characters/],
    [{ title: ' \t ' }, /title must hold visible text/],
    [{ title: 'a\u0000b' }, /title must hold visible text and no control characters/],
    [{ title: 'x'.repeat(201) }, /title must NOT have more than 200 characters/],
    [{ title: 5 }, /title must be string/],
    [{ title: 'A', description: 'x'.repeat(5_001) }, /description must NOT have more/],
    [{ title: 'A', description: 'a\u0000' }, /description/],
    [{ title: 'A', recordingEnabled: 'true' }, /recordingEnabled must be boolean/],
    [{ title: 'A', userId: '' }, /userId/],
    [{ title: 'A', streamKey: 'mine' }, /streamKey is not known here/],
    [[], /the body must be object/],
    ['"A"', /the body must be object/],
    ['null', /the body must be object/],
    ['', /the body must be object/],
  ];
  for (const [payload, message] of cases) {
    const headers = { ...operator, 'content-type': 'application/json' };
    failed(t, await create(app, payload as object, headers), 400, 'validation_failed', message);
  }
  const headers = { ...operator, 'content-type': 'application/json' };
  failed(t, await create(app, '{"title":', headers), 400, 'body_invalid');
  failed(
    t,
    await create(app, JSON.stringify({ title: 'x'.repeat(200_000) }), headers),
    413,
    'body_too_large',
  );
  failed(
    t,
    await create(app, 'title=A', { ...operator, 'content-type': 'application/x-www-form-urlencoded' }),
    415,
    'unsupported_media_type',
  );
  failed(
    t,
    await create(app, 'A', { ...operator, 'content-type': 'text/plain' }),
    415,
    'unsupported_media_type',
  );
  t.same((await sql`select count(*)::int as count from livestreams`)[0], { count: 0 });
});

t.test('SQL and markup in texts stay texts', async (t) => {
  const { app, sql } = await openDesk(t);
  const title = `Robert'); drop table livestreams;-- <script>alert(1)</script> $1 \\ %00 \u{1f3a5}`;
  const { streamId } = (await create(app, { title, description: title, userId: title })).json();
  t.match((await app.inject(`/api/livestream/${streamId}`)).json().stream, {
    title,
    description: title,
    userId: title,
  });
  t.match((await sql`select title from livestreams`)[0], { title });
});

t.test('the largest description that is allowed fits, also with every character escaped', async (t) => {
  const { app } = await openDesk(t);
  const escaped = `{"title":"A","description":"${'\\ud83d\\ude00'.repeat(5_000)}"}`;
  const answer = await create(app, escaped, { ...operator, 'content-type': 'application/json' });
  t.equal(answer.statusCode, 201, answer.body);
});

t.test('a wrong method is told the right ones', async (t) => {
  const { app } = await openDesk(t);
  const answer = await app.inject({ method: 'DELETE', url: `/api/livestream/${newId()}` });
  failed(t, answer, 405, 'method_not_allowed');
  t.equal(answer.headers.allow, 'GET, HEAD');
});

t.test('any website may ask, also before it shows a token', async (t) => {
  const { app } = await openDesk(t);
  const origin = 'https://platform.example.test';
  const preflight = await app.inject({
    method: 'OPTIONS',
    url: '/api/livestream/create',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization',
    },
  });
  t.equal(preflight.statusCode, 204);
  t.match(preflight.headers, {
    'access-control-allow-origin': '*',
    'access-control-allow-methods': /POST/,
    'access-control-allow-headers': /authorization/,
    'access-control-max-age': '600',
  });
  const answer = await app.inject({ url: '/api/livestream/active', headers: { origin } });
  t.equal(answer.headers['access-control-allow-origin'], '*');
  t.notOk(answer.headers['access-control-allow-credentials']);
  const refused = await create(app, {}, { origin });
  t.equal(refused.headers['access-control-allow-origin'], '*', 'errors can be read too');
});

t.test('no key and no token reaches the log', async (t) => {
  const { app, logged } = await openDesk(t);
  const { streamKey } = (await create(app, { title: 'A' })).json();
  await app.inject(`/api/livestream/${streamKey}?key=${streamKey}`);
  await create(app, { title: streamKey, streamKey });
  await create(app, { title: 'A' }, { authorization: `Bearer ${TOKEN}x` });
  t.ok(logged.length >= 4);
  t.notMatch(logged.join(''), streamKey);
  t.notMatch(logged.join(''), TOKEN);
});

t.test('when the database is away the API says so', async (t) => {
  const { app, sql } = await openDesk(t);
  await sql.end({ timeout: 1 });
  const answer = await app.inject('/api/livestream/active');
  failed(t, answer, 503, 'temporarily_unavailable');
  t.equal(answer.headers['retry-after'], '5');
});
