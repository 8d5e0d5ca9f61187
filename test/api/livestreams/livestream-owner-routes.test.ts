import type { FastifyInstance, InjectOptions } from 'fastify';
import t from 'tap';
import { newId } from '../../../src/platform/index.js';
import {
  assertErrorResponse,
  authorizationOf,
  openLivestreamApi,
  type PersonName,
  URLS,
} from '../../support/fixtures/livestream-api-fixture.js';
import { until } from '../../support/until.js';

const json = { 'content-type': 'application/json' };

function create(
  app: FastifyInstance,
  payload: InjectOptions['payload'],
  headers: object = authorizationOf('operator'),
) {
  return app.inject({
    method: 'POST',
    url: '/api/livestream/create',
    payload: payload ?? {},
    headers: { ...headers },
  });
}

function post(app: FastifyInstance, path: string, name?: PersonName, payload?: object) {
  const headers = name === undefined ? {} : authorizationOf(name);
  return app.inject({
    method: 'POST',
    url: `/api/livestream/${path}`,
    headers,
    ...(payload ? { payload } : {}),
  });
}

function patch(app: FastifyInstance, streamId: string, payload: object, name: PersonName = 'anna') {
  return app.inject({
    method: 'PATCH',
    url: `/api/livestream/${streamId}`,
    headers: authorizationOf(name),
    payload,
  });
}

t.test('a created livestream has its key, ingest and playback addresses', async (t) => {
  const { app, sql } = await openLivestreamApi(t);
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
  t.same(made.playback, {
    hls: URLS.hls(made.streamId),
    dash: URLS.dash(made.streamId),
    watch: URLS.watch(made.streamId),
  });
  t.equal(answer.headers['cache-control'], 'no-store');
  const [row] = await sql`select * from livestreams`;
  t.match(row, { title: 'My stream', description: 'Two\nlines', recording_enabled: true, user_id: 'u1' });
  t.notMatch(JSON.stringify(row), made.streamKey);
});

t.test('a livestream can be scheduled, limited in viewers, and private with invitees', async (t) => {
  const { app, livestreams } = await openLivestreamApi(t);
  const payload = {
    title: 'A',
    scheduledAt: '2026-03-01T20:00:00+02:00',
    visibility: 'private',
    viewerLimit: 7,
    guests: ['u1', 'u2'],
  };
  const { streamId } = (await create(app, payload)).json();
  const answer = await app.inject({
    url: `/api/livestream/${streamId}`,
    headers: authorizationOf('operator'),
  });
  t.match(answer.json().stream, {
    scheduledAt: '2026-03-01T18:00:00.000Z',
    visibility: 'private',
    viewerLimit: 7,
  });
  t.same(await Promise.all(['u1', 'u2', 'u3'].map((id) => livestreams.invitees.has(streamId, id))), [
    true,
    true,
    false,
  ]);
});

t.test('with RTMPS and WebRTC enabled, their addresses are returned too', async (t) => {
  const whep = (id: string) => `https://live.example.test/whep/${id}`;
  const whip = () => 'https://live.example.test/whip';
  const rtmpsServer = () => 'rtmps://live.example.test/live';
  const { app } = await openLivestreamApi(t, { urls: { whep, whip, rtmpsServer } });
  const made = (await create(app, { title: 'A' })).json();
  t.same(made.ingest.rtmps, { server: rtmpsServer(), key: made.streamKey });
  t.same(made.ingest.whip, { server: whip(), key: made.streamKey });
  t.equal(made.playback.whep, whep(made.streamId));
  const { stream } = (await app.inject(`/api/livestream/${made.streamId}`)).json();
  t.equal(stream.playback.whep, whep(made.streamId));

  const off = await openLivestreamApi(t, { urls: { whep: () => undefined } });
  t.notOk('whep' in (await create(off.app, { title: 'A' })).json().playback);
});

t.test('broadcasters create livestreams for themselves, admins for any user', async (t) => {
  const { app, livestreams } = await openLivestreamApi(t);
  const owner = async (name: PersonName, userId?: string) => {
    const answer = await create(
      app,
      { title: 'A', ...(userId === undefined ? {} : { userId }) },
      authorizationOf(name),
    );
    if (answer.statusCode !== 201) return answer.json().error.code;
    return (await livestreams.find(answer.json().streamId))?.userId;
  };
  t.equal(await owner('anna'), 'anna');
  t.equal(await owner('anna', 'anna'), 'anna');
  t.equal(await owner('anna', 'boris'), 'not_allowed');
  t.equal(await owner('ada'), 'ada');
  t.equal(await owner('ada', 'boris'), 'boris');
  t.equal(await owner('operator'), null);
  t.equal(await owner('operator', 'anybody else'), 'anybody else');
  t.equal(await owner('vera'), 'not_allowed');
  assertErrorResponse(t, await create(app, { title: 'A' }, {}), 401, 'not_signed_in');
  assertErrorResponse(
    t,
    await create(app, { title: 'A' }, { authorization: 'Bearer wrong' }),
    401,
    'access_token_invalid',
  );
});

t.test(
  'only the broadcaster and admins change a livestream, and a private one is 404 for others',
  async (t) => {
    const { app, create, livestreams } = await openLivestreamApi(t);
    const open = await create();
    const privateId = await create({ visibility: 'private', guests: ['vera'] });
    const changes: [InjectOptions['method'], string, object?][] = [
      ['PATCH', '', { title: 'B' }],
      ['DELETE', ''],
      ['POST', '/start'],
      ['POST', '/end'],
      ['POST', '/kick'],
      ['GET', '/guests'],
      ['PUT', '/guests/u9'],
      ['DELETE', '/guests/vera'],
      ['DELETE', '/thumbnail'],
    ];
    for (const [method, path, payload] of changes) {
      const request = (streamId: string, name?: PersonName) =>
        app.inject({
          method: method ?? 'GET',
          url: `/api/livestream/${streamId}${path}`,
          headers: name === undefined ? {} : authorizationOf(name),
          ...(payload ? { payload } : {}),
        });
      assertErrorResponse(t, await request(open), 401, 'not_signed_in');
      assertErrorResponse(t, await request(open, 'boris'), 403, 'not_allowed');
      assertErrorResponse(t, await request(privateId), 401, 'not_signed_in');
      assertErrorResponse(t, await request(privateId, 'vera'), 403, 'not_allowed');
      const refused = await request(privateId, 'boris');
      assertErrorResponse(t, refused, 404, 'stream_not_found');
      t.equal(refused.body, (await request(newId(), 'boris')).body, 'like an unknown livestream');
    }
    t.match(await livestreams.find(open), { title: 'A stream', status: 'scheduled' });
    t.ok(await livestreams.invitees.has(privateId, 'vera'));
    for (const name of ['anna', 'ada', 'operator'] as const)
      t.equal((await patch(app, open, { title: `By ${name}` }, name)).statusCode, 200);
  },
);

t.test('an edit is visible at once and leaves other fields unchanged', async (t) => {
  const { app, create } = await openLivestreamApi(t);
  const streamId = await create({ description: 'Words', scheduledAt: '2026-03-01T20:00:00Z' });
  const before = (await app.inject(`/api/livestream/${streamId}`)).json().stream;
  const changes = { visibility: 'unlisted', viewerLimit: 5, recordingEnabled: true };
  const thumbnailUrl = 'https://example.test/a.png';
  const answer = await patch(app, streamId, { ...changes, title: ' New ', thumbnailUrl });
  t.equal(answer.statusCode, 200, answer.body);
  const after = { ...before, ...changes, title: 'New', thumbnailUrl };
  t.same(answer.json().stream, after);
  t.same((await app.inject(`/api/livestream/${streamId}`)).json().stream, after);
  const cleared = await patch(app, streamId, { viewerLimit: null, scheduledAt: null, thumbnailUrl: null });
  t.match(cleared.json().stream, { viewerLimit: null, scheduledAt: null, thumbnailUrl: null, title: 'New' });
});

t.test('invalid edits get 400 with the reason and change nothing', async (t) => {
  const { app, create } = await openLivestreamApi(t);
  const streamId = await create();
  const before = (await app.inject(`/api/livestream/${streamId}`)).body;
  const cases: [object, RegExp][] = [
    [{}, /must NOT have fewer than 1 properties/],
    [{ title: ' ' }, /title must hold visible text/],
    [{ title: null }, /title must be string/],
    [{ description: 'a\u0007' }, /description must hold no control characters/],
    [{ visibility: 'secret' }, /visibility must be equal to one of the allowed values/],
    [{ viewerLimit: 0 }, /viewerLimit/],
    [{ viewerLimit: 1.5 }, /viewerLimit/],
    [{ viewerLimit: '7' }, /viewerLimit/],
    [{ scheduledAt: 'tomorrow' }, /scheduledAt/],
    [{ scheduledAt: '2026-02-30T12:00:00Z' }, /scheduledAt/],
    [{ scheduledAt: '2026-12-31T23:59:60Z' }, /scheduledAt must be a time from the year 0001/],
    [{ scheduledAt: '0000-06-01T00:00:00Z' }, /scheduledAt must be a time from the year 0001/],
    [{ scheduledAt: '9999-12-31T23:59:59-23:59' }, /scheduledAt must be a time from the year 0001/],
    [{ thumbnailUrl: 'javascript:alert(1)' }, /thumbnailUrl/],
    [{ userId: 'boris' }, /userId is not a known property/],
    [{ status: 'live' }, /status is not a known property/],
    [[], /the body must be object/],
  ];
  for (const [payload, message] of cases)
    assertErrorResponse(t, await patch(app, streamId, payload), 400, 'validation_failed', message);
  t.equal((await app.inject(`/api/livestream/${streamId}`)).body, before);
});

t.test('starting a livestream marks it as started, and only media make it live', async (t) => {
  const { app, create, publish, livestreams, clock } = await openLivestreamApi(t);
  const streamId = await create({ scheduledAt: new Date(clock.now() + 60_000).toISOString() });
  const upcoming = async () => (await app.inject('/api/livestream/upcoming')).json().streams.length;
  t.equal(await upcoming(), 1);
  for (const again of [false, true]) {
    const answer = await post(app, `${streamId}/start`, 'anna', again ? {} : undefined);
    t.same([answer.statusCode, answer.json()], [200, { success: true }]);
  }
  t.equal(await upcoming(), 0);
  const shown = async () => (await app.inject(`/api/livestream/${streamId}`)).json().stream;
  t.match(await shown(), { status: 'scheduled', state: { name: 'offline' }, startedAt: String });
  await publish(streamId);
  await until('the stored status is live', async () => (await livestreams.find(streamId))?.status === 'live');
  t.match(await shown(), { status: 'live', state: { name: 'live' } });
  t.equal((await post(app, `${streamId}/start`, 'anna')).statusCode, 200);
  t.match(await shown(), { status: 'live' });
  await post(app, `${streamId}/end`, 'anna');
  assertErrorResponse(t, await post(app, `${streamId}/start`, 'anna'), 409, 'livestream_ended');
  assertErrorResponse(t, await post(app, `${newId()}/start`, 'anna'), 404, 'stream_not_found');
  assertErrorResponse(
    t,
    await post(app, `${streamId}/start`, 'anna', { live: true }),
    400,
    'validation_failed',
  );
});

t.test('ending a livestream is final, can be repeated, and accepts a recording URL', async (t) => {
  const { app, create } = await openLivestreamApi(t);
  const streamId = await create();
  const url = `/api/livestream/${streamId}/end`;
  const bare = await app.inject({ method: 'POST', url, headers: authorizationOf('anna') });
  t.same([bare.statusCode, bare.json()], [200, { success: true }]);
  const announced = await app.inject({
    method: 'POST',
    url,
    headers: { ...authorizationOf('anna'), ...json },
  });
  t.same([announced.statusCode, announced.json()], [200, { success: true }]);
  const recordingUrl = 'https://example.test/recording.mp4';
  await post(app, `${streamId}/end`, 'anna', { recordingUrl });
  t.match((await app.inject(`/api/livestream/${streamId}`)).json(), {
    stream: { status: 'ended', recordingUrl },
  });
  for (const wrong of ['javascript:alert(1)', 'not a url', 'https://a b', ''])
    assertErrorResponse(
      t,
      await post(app, `${streamId}/end`, 'anna', { recordingUrl: wrong }),
      400,
      'validation_failed',
    );
});

t.test('an id in upper case means the same livestream', async (t) => {
  const { app, create, publish } = await openLivestreamApi(t);
  const streamId = await create();
  const { kicks } = await publish(streamId);
  t.match((await app.inject(`/api/livestream/${streamId.toUpperCase()}`)).json().stream, {
    id: streamId,
    state: { name: 'live' },
  });
  t.equal((await post(app, `${streamId.toUpperCase()}/end`, 'anna')).statusCode, 200);
  t.same(kicks, ['ended-by-owner']);
});

t.test('the publisher can be kicked, and the broadcast waits for a reconnect', async (t) => {
  const { app, create, publish } = await openLivestreamApi(t);
  const streamId = await create();
  assertErrorResponse(t, await post(app, `${streamId}/kick`, 'anna'), 409, 'nobody_publishes');
  const { kicks } = await publish(streamId);
  t.same((await post(app, `${streamId}/kick`, 'anna')).json(), { success: true });
  t.same(kicks, ['kicked']);
  const { stream } = (await app.inject(`/api/livestream/${streamId}`)).json();
  t.match(stream.state, { name: 'reconnecting', until: String });
});

t.test('a livestream is removed, except during a broadcast', async (t) => {
  const { app, create, publish } = await openLivestreamApi(t);
  const streamId = await create();
  await publish(streamId);
  const remove = () =>
    app.inject({ method: 'DELETE', url: `/api/livestream/${streamId}`, headers: authorizationOf('anna') });
  assertErrorResponse(t, await remove(), 409, 'stream_under_way');
  await post(app, `${streamId}/end`, 'anna');
  t.same((await remove()).json(), { success: true });
  assertErrorResponse(t, await app.inject(`/api/livestream/${streamId}`), 404, 'stream_not_found');
  assertErrorResponse(t, await remove(), 404, 'stream_not_found');
});

t.test('invalid requests get 400 with the reason and create nothing', async (t) => {
  const { app, sql } = await openLivestreamApi(t);
  const cases: [unknown, RegExp][] = [
    [{}, /title is missing/],
    [{ title: '' }, /title must NOT have fewer than 1 characters/],
    [{ title: ' \t ' }, /title must hold visible text/],
    [{ title: 'a\u0000b' }, /title must hold visible text and no control characters/],
    [{ title: 'half of a character: \ud83d' }, /title must hold visible text/],
    [{ title: 'x'.repeat(201) }, /title must NOT have more than 200 characters/],
    [{ title: 5 }, /title must be string/],
    [{ title: 'A', description: 'x'.repeat(5_001) }, /description must NOT have more/],
    [{ title: 'A', description: 'a\u0000' }, /description must hold no control characters/],
    [{ title: 'A', description: 'a\ude00' }, /description/],
    [{ title: 'A', recordingEnabled: 'true' }, /recordingEnabled must be boolean/],
    [{ title: 'A', userId: '' }, /userId/],
    [{ title: 'A', guests: ['u1', ''] }, /guests.1/],
    [{ title: 'A', guests: Array(101).fill('u1') }, /guests must NOT have more than 100 items/],
    [{ title: 'A', scheduledAt: '2026-12-31T23:59:60Z' }, /scheduledAt must be a time/],
    [{ title: 'A', visibility: null }, /visibility/],
    [{ title: 'A', ladder: [{ height: 720, bitrate: 10 }] }, /ladder.0.bitrate/],
    [{ title: 'A', ladder: [{ height: 721, bitrate: 1e6 }] }, /ladder.0.height/],
    [{ title: 'A', streamKey: 'mine' }, /streamKey is not a known property/],
    [[], /the body must be object/],
    ['"A"', /the body must be object/],
    ['null', /the body must be object/],
    ['', /the body must be object/],
  ];
  for (const [payload, message] of cases) {
    const headers = { ...authorizationOf('operator'), ...json };
    assertErrorResponse(t, await create(app, payload as object, headers), 400, 'validation_failed', message);
  }
  const headers = { ...authorizationOf('operator'), ...json };
  assertErrorResponse(t, await create(app, '{"title":', headers), 400, 'body_invalid');
  const large = JSON.stringify({ title: 'x'.repeat(200_000) });
  assertErrorResponse(t, await create(app, large, headers), 413, 'body_too_large');
  for (const type of ['application/x-www-form-urlencoded', 'text/plain'])
    assertErrorResponse(
      t,
      await create(app, 'title=A', { ...headers, 'content-type': type }),
      415,
      'unsupported_media_type',
    );
  t.same((await sql`select count(*)::int as count from livestreams`)[0], { count: 0 });
});

t.test('SQL and markup in texts are stored as text', async (t) => {
  const { app, sql } = await openLivestreamApi(t);
  const title = `Robert'); drop table livestreams;-- <script>alert(1)</script> $1 \\ %00 \u{1f3a5}`;
  const { streamId } = (await create(app, { title, description: title, userId: title })).json();
  t.match((await app.inject(`/api/livestream/${streamId}`)).json().stream, {
    title,
    description: title,
    userId: title,
  });
  t.match((await sql`select title from livestreams`)[0], { title });
  const listed = await app.inject(`/api/livestream/user/${encodeURIComponent(title)}`);
  t.match(listed.json().streams, [{ id: streamId }]);
});

t.test('the longest description is accepted with every character escaped', async (t) => {
  const { app } = await openLivestreamApi(t);
  const escaped = `{"title":"A","description":"${'\\ud83d\\ude00'.repeat(5_000)}"}`;
  const answer = await create(app, escaped, { ...authorizationOf('operator'), ...json });
  t.equal(answer.statusCode, 201, answer.body);
});

t.test('stream keys and tokens are not logged', async (t) => {
  const { app, logLines } = await openLivestreamApi(t);
  const { streamKey } = (await create(app, { title: 'A' })).json();
  await app.inject(`/api/livestream/${streamKey}?key=${streamKey}`);
  await create(app, { title: streamKey, streamKey });
  const token = 'hp_a-token-that-is-wrong';
  await create(app, { title: 'A' }, { authorization: `Bearer ${token}` });
  t.ok(logLines.length >= 4);
  t.notMatch(logLines.join(''), streamKey);
  t.notMatch(logLines.join(''), token);
});
