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

type Listed = { streams: { id: string; title: string; state: { name: string } }[] };

t.test('a livestream is returned without its key', async (t) => {
  const { app } = await openLivestreamApi(t);
  const made = await app.inject({
    method: 'POST',
    url: '/api/livestream/create',
    headers: authorizationOf('anna'),
    payload: { title: 'A title' },
  });
  const { streamId, streamKey } = made.json();
  const answer = await app.inject(`/api/livestream/${streamId}`);
  t.equal(answer.statusCode, 200, answer.body);
  t.notMatch(answer.body, streamKey);
  const { createdAt, ...stream } = answer.json().stream;
  t.equal(createdAt, new Date(createdAt).toISOString());
  t.same(stream, {
    id: streamId,
    userId: 'anna',
    userName: 'Anna',
    title: 'A title',
    description: '',
    tags: [],
    status: 'scheduled',
    visibility: 'public',
    testing: false,
    viewerLimit: null,
    scheduledAt: null,
    state: { name: 'offline' },
    startedAt: null,
    endedAt: null,
    endedForGood: false,
    viewers: { total: 0, byProtocol: {} },
    viewerCountPeak: 0,
    recordingEnabled: false,
    ladder: null,
    clipsBy: 'moderators',
    recordingUrl: null,
    thumbnailUrl: null,
    playback: { hls: URLS.hls(streamId), dash: URLS.dash(streamId), watch: URLS.watch(streamId) },
    source: null,
    notices: [],
  });
});

t.test('a livestream is returned with its viewer counts', async (t) => {
  const viewers = { total: 12, byProtocol: { whep: 3, 'll-hls': 8 } };
  const { app, create, publish, livestreams } = await openLivestreamApi(t, { viewers: () => viewers });
  const streamId = await create();
  t.same((await app.inject(`/api/livestream/${streamId}`)).json().stream.viewers, viewers);
  await publish(streamId);
  await until('the stored status is live', async () => (await livestreams.find(streamId))?.status === 'live');
  t.same((await app.inject('/api/livestream/active')).json().streams[0].viewers, viewers);
});

t.test('live livestreams are listed in pages', async (t) => {
  const { app, table, create } = await openLivestreamApi(t);
  const ids: string[] = [];
  for (let minute = 0; minute < 3; minute++) {
    const streamId = await create();
    await table.markLive(streamId, new Date(Date.UTC(2026, 0, 1, 0, minute)));
    ids.unshift(streamId);
  }
  await create({ title: 'Not live' });
  for (const visibility of ['unlisted', 'private'])
    await table.markLive(await create({ visibility }), new Date());
  const idsOf = async (query: string): Promise<string[]> =>
    (await app.inject(`/api/livestream/active${query}`)).json<Listed>().streams.map(({ id }) => id);
  t.same(await idsOf(''), ids);
  t.same(await idsOf('?limit=1&offset=1'), [ids[1]]);
  t.equal(
    (await app.inject('/api/livestream/active')).headers['content-type'],
    'application/json; charset=utf-8',
  );
  const wrong =
    '?limit=0 ?limit=101 ?offset=-1 ?offset=10001 ?limit=ten ?limit=1&limit=2 ?limit= ?size=3 ?limit=1e2';
  for (const list of ['active', 'upcoming', 'user/anna'])
    for (const query of wrong.split(' '))
      assertErrorResponse(t, await app.inject(`/api/livestream/${list}${query}`), 400, 'validation_failed');
});

t.test('livestreams of a user are paged by the id of the last one', async (t) => {
  const { app, create } = await openLivestreamApi(t);
  const ids: string[] = [];
  for (const title of ['one', 'two', 'three']) ids.unshift(await create({ title }));
  const idsOf = async (query: string): Promise<string[]> =>
    (await app.inject(`/api/livestream/user/anna${query}`)).json<Listed>().streams.map(({ id }) => id);
  t.same(await idsOf('?limit=1'), [ids[0]]);
  t.same(await idsOf(`?limit=1&before=${ids[0]}`), [ids[1]]);
  t.same(await idsOf(`?before=${ids[0]}`), ids.slice(1));
  t.same(await idsOf(`?before=${ids[2]}`), []);
  const far = await app.inject('/api/livestream/user/anna?offset=10001');
  assertErrorResponse(t, far, 400, 'validation_failed');
  t.match(far.json(), { error: { message: /page on with before, the id of the last entry so far/ } });
});

for (const path of ['active', 'user/anna'])
  t.test(`concurrent requests for the public list ${path} share one database read a second`, async (t) => {
    const { app, clock, create, publish, databaseReads, livestreams } = await openLivestreamApi(t);
    const streamId = await create();
    await publish(streamId);
    await until(
      'the stored status is live',
      async () => (await livestreams.find(streamId))?.status === 'live',
    );
    const list = async () => (await app.inject(`/api/livestream/${path}`)).json<Listed>().streams;
    const before = databaseReads();
    const answers = await Promise.all(Array.from({ length: 100 }, list));
    t.ok(answers.every(([stream]) => stream?.id === streamId));
    t.equal(databaseReads() - before, 1);
    await clock.advance(1_000);
    await Promise.all(Array.from({ length: 100 }, list));
    t.equal(databaseReads() - before, 2, 'once a second');
    const one = () => app.inject(`/api/livestream/${streamId}`);
    await Promise.all(Array.from({ length: 100 }, one));
    t.equal(databaseReads() - before, 3, 'single livestreams are cached too');
  });

t.test('every change of a listed livestream is visible at once', async (t) => {
  const { app, create, publish, livestreams, streams } = await openLivestreamApi(t);
  const streamId = await create();
  const listOf = async (path: string) => (await app.inject(`/api/livestream/${path}`)).json<Listed>().streams;
  const list = () => listOf('active');
  const edit = (payload: object) =>
    app.inject({
      method: 'PATCH',
      url: `/api/livestream/${streamId}`,
      headers: authorizationOf('anna'),
      payload,
    });
  t.same(await list(), []);
  const { publication } = await publish(streamId);
  await until('the stored status is live', async () => (await livestreams.find(streamId))?.status === 'live');
  t.match(await list(), [{ id: streamId, state: { name: 'live' } }]);
  await edit({ title: 'Other words' });
  t.match(await list(), [{ title: 'Other words' }]);
  t.match(await listOf('user/anna'), [{ title: 'Other words' }]);
  publication.close('publisher-lost');
  t.match(await list(), [{ state: { name: 'reconnecting' } }]);
  await edit({ visibility: 'unlisted' });
  t.same(await list(), []);
  t.same(await listOf('user/anna'), []);
  await edit({ visibility: 'public' });
  t.equal((await list()).length, 1);
  await streams.endLivestream(streamId, 'ended-by-owner');
  t.same(await list(), []);
});

t.test('upcoming livestreams are listed by date', async (t) => {
  const { app, create, clock } = await openLivestreamApi(t);
  const scheduledAt = (hours: number) => new Date(clock.now() + hours * 3_600_000).toISOString();
  const late = await create({ scheduledAt: scheduledAt(5) });
  const soon = await create({ scheduledAt: scheduledAt(1) });
  await create({ scheduledAt: scheduledAt(2), visibility: 'unlisted' });
  await create({ scheduledAt: scheduledAt(-2) });
  const ids = async () =>
    (await app.inject('/api/livestream/upcoming')).json<Listed>().streams.map(({ id }) => id);
  t.same(await ids(), [soon, late]);
  await app.inject({ method: 'POST', url: `/api/livestream/${soon}/end`, headers: authorizationOf('anna') });
  t.same(await ids(), [late]);
});

t.test('users see all of their own livestreams, and the public ones of others', async (t) => {
  const { app, create } = await openLivestreamApi(t);
  const open = await create();
  const all = [
    open,
    await create({ visibility: 'unlisted' }),
    await create({ visibility: 'private', guests: ['vera'] }),
  ];
  await create({}, 'boris');
  const ids = async (name?: PersonName) => {
    const headers = name === undefined ? {} : authorizationOf(name);
    const answer = await app.inject({ url: '/api/livestream/user/anna', headers });
    return answer.json<Listed>().streams.map(({ id }) => id);
  };
  for (const name of ['anna', 'ada', 'operator'] as const) t.same(await ids(name), all.toReversed(), name);
  for (const name of ['boris', 'vera', undefined] as const)
    t.same(await ids(name), [open], name ?? 'anybody');
  t.same((await app.inject('/api/livestream/user/nobody')).json(), { streams: [] });
  const wrong = { authorization: 'Bearer wrong' };
  assertErrorResponse(
    t,
    await app.inject({ url: '/api/livestream/user/anna', headers: wrong }),
    401,
    'access_token_invalid',
  );
  assertErrorResponse(t, await app.inject(`/api/livestream/user/${'x'.repeat(201)}`), 404, 'not_found');
  assertErrorResponse(t, await app.inject('/api/livestream/user/%00'), 400, 'validation_failed');
});

t.test('a private livestream is visible to its invitees, its broadcaster and admins only', async (t) => {
  const { app, create, livestreams } = await openLivestreamApi(t);
  const streamId = await create({ visibility: 'private', guests: ['vera'] });
  const list = (name?: PersonName, path = '') =>
    app.inject({
      url: `/api/livestream/${streamId}${path}`,
      headers: name === undefined ? {} : authorizationOf(name),
    });
  for (const path of ['', '/stats', '/thumbnail']) {
    for (const name of ['boris', undefined] as const)
      assertErrorResponse(t, await list(name, path), 404, 'stream_not_found');
    for (const name of ['anna', 'vera', 'ada', 'operator'] as const)
      t.notMatch((await list(name, path)).body, 'stream_not_found');
  }
  t.equal((await list('boris')).body, (await app.inject(`/api/livestream/${newId()}`)).body);
  await livestreams.invitees.remove(streamId, 'vera');
  assertErrorResponse(t, await list('vera'), 404, 'stream_not_found');
});

t.test('unknown streams get 404, and malformed ids 400', async (t) => {
  const { app } = await openLivestreamApi(t);
  assertErrorResponse(t, await app.inject(`/api/livestream/${newId()}`), 404, 'stream_not_found');
  for (const id of ['1', 'x'.repeat(36), "1'%20or%201=1", `${newId()}0`])
    assertErrorResponse(t, await app.inject(`/api/livestream/${id}`), 400, 'validation_failed', /streamId/);
  assertErrorResponse(t, await app.inject(`/api/livestream/${'x'.repeat(300)}`), 404, 'not_found');
});

t.test('a database failure gets an error, and the API recovers after it', async (t) => {
  const { app, sql, create } = await openLivestreamApi(t);
  await create();
  await sql`alter table livestreams rename to away`;
  assertErrorResponse(t, await app.inject('/api/livestream/active'), 500, 'internal_error');
  await sql`alter table away rename to livestreams`;
  t.equal((await app.inject('/api/livestream/active')).statusCode, 200, 'failures are not cached');
  await sql.end({ timeout: 1 });
  const answer = await app.inject('/api/livestream/upcoming');
  assertErrorResponse(t, answer, 503, 'temporarily_unavailable');
  t.equal(answer.headers['retry-after'], '5');
});

t.test('the lists of live and upcoming livestreams can be those of one user', async (t) => {
  const { app, create, publish, livestreams } = await openLivestreamApi(t);
  const live = await create();
  await create({ title: 'Planned', scheduledAt: '2100-01-01T00:00:00Z' });
  await publish(live);
  await until('the stored status is live', async () => (await livestreams.find(live))?.status === 'live');
  const count = async (list: string, userId: string) => {
    const answer = await app.inject(`/api/livestream/${list}?userId=${userId}`);
    return answer.json<{ streams: unknown[] }>().streams.length;
  };
  for (const list of ['active', 'upcoming']) {
    t.equal(await count(list, 'anna'), 1, list);
    t.equal(await count(list, 'boris'), 0, list);
  }
});
