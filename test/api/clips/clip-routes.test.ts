import t from 'tap';
import { newId } from '../../../src/platform/index.js';
import { assertErrorResponse, type PersonName } from '../../support/fixtures/livestream-api-fixture.js';
import { checkDocument, type OpenApi } from '../../support/fixtures/openapi.js';
import { ORIGIN_MS, openClipApi, SEGMENTS } from '../../support/recordings/clip-api-fixture.js';

type Listed = { clips: { id: string; title: string }[]; mayClip?: boolean };

const RANGE = { startS: 10, endS: 20 };
const NAMES = [undefined, 'vera', 'boris', 'anna', 'ada', 'operator'] as const;

t.test('clips are made by moderators, or by viewers where the owner allows it', async (t) => {
  const api = await openClipApi(t);
  const streamId = await api.create();
  const at = `recordings/${await api.recorded(streamId)}/clips`;
  await api.sql`insert into chat_moderators (stream_id, user_id) values (${streamId}, 'boris')`;
  const statuses = async (): Promise<object> => {
    const answers: Record<string, unknown> = {};
    for (const name of NAMES) {
      const { statusCode } = await api.request(name, 'POST', at, { title: `By ${name}`, ...RANGE });
      const listed = await api.request(name, 'GET', `${streamId}/clips`);
      answers[String(name)] = [statusCode, listed.json<Listed>().mayClip ?? listed.statusCode];
    }
    return answers;
  };
  const all = { boris: [201, true], anna: [201, true], ada: [201, true], operator: [201, true] };
  t.strictSame(await statuses(), { undefined: [401, false], vera: [403, false], ...all }, 'moderators');
  t.equal((await api.request('anna', 'PATCH', streamId, { clipsBy: 'viewers' })).statusCode, 200);
  t.strictSame(await statuses(), { undefined: [401, false], vera: [201, true], ...all }, 'viewers');
  await api.request('anna', 'PATCH', streamId, { visibility: 'private' });
  t.strictSame(
    await statuses(),
    { undefined: [401, 404], vera: [404, 404], ...all, boris: [404, 404] },
    'a moderator who is not invited may not watch a private one',
  );
  assertErrorResponse(
    t,
    await api.request('vera', 'POST', at, { title: 'x', ...RANGE }),
    404,
    'recording_not_found',
  );
});

t.test(
  'a clip is changed and deleted by who made it and by moderators, and is as private as its livestream',
  async (t) => {
    const api = await openClipApi(t);
    const streamId = await api.create({ title: 'A', clipsBy: 'viewers' });
    const recordingId = await api.recorded(streamId);
    const make = async (name: PersonName): Promise<string> => {
      const made = await api.request(name, 'POST', `recordings/${recordingId}/clips`, {
        title: ' A clip ',
        ...RANGE,
      });
      t.equal(made.statusCode, 201, made.body);
      t.match(made.json(), {
        clip: { title: 'A clip', createdBy: name, visibility: 'public', recordingId, streamId },
      });
      return `clips/${made.json<{ clip: { id: string } }>().clip.id}`;
    };
    const [first, second] = [await make('vera'), await make('anna')];
    for (const [name, one, status] of [
      [undefined, first, 401],
      ['boris', first, 403],
      ['vera', second, 403],
      ['vera', first, 200],
      ['anna', first, 200],
      ['ada', first, 200],
    ] as const) {
      const changed = await api.request(name, 'PATCH', one, { visibility: 'unlisted' });
      t.equal(changed.statusCode, status, `${name} changes ${one}`);
    }
    t.match((await api.request(undefined, 'GET', first)).json(), { clip: { visibility: 'unlisted' } });
    await api.sql`update recordings set state = 'ready', size_bytes = 500 where purpose = 'clip'`;
    const titles = async (name: PersonName | undefined, path: string): Promise<number> =>
      (await api.request(name, 'GET', path)).json<Listed>().clips.length;
    t.strictSame(
      [
        await titles(undefined, `${streamId}/clips`),
        await titles('vera', `${streamId}/clips`),
        await titles('anna', `${streamId}/clips`),
        await titles(undefined, 'clips'),
        await titles('vera', 'clips?userId=vera'),
        await titles('boris', 'clips?userId=vera'),
        await titles('anna', 'clips?userId=anna'),
      ],
      [1, 2, 2, 1, 1, 0, 2],
      'lists',
    );
    t.match(await api.recordings.usage('anna'), { clips: 2, sizeBytes: 700 + SEGMENTS * 100 + 1_000 });
    t.equal(
      (await api.recordings.listByUser('anna', { limit: 9, offset: 0 })).length,
      1,
      'clips are no recordings',
    );
    t.equal(await api.recordings.find(first.split('/')[1]!), undefined);

    await api.livestreams.edit(streamId, { visibility: 'private' });
    for (const [method, name, status] of [
      ['GET', undefined, 404],
      ['GET', 'vera', 404],
      ['PATCH', 'vera', 404],
      ['DELETE', 'vera', 404],
      ['GET', 'ada', 200],
    ] as const) {
      const answer = await api.request(name, method, first, method === 'PATCH' ? { title: 'x' } : undefined);
      t.equal(answer.statusCode, status, `${name}: ${method}`);
      if (status === 404) t.match(answer.json(), { error: { code: 'clip_not_found' } });
    }
    t.equal(await titles(undefined, 'clips'), 0, 'not listed any more');
    await api.livestreams.invitees.add(streamId, 'vera');
    t.equal((await api.request('vera', 'DELETE', first)).statusCode, 200);
    assertErrorResponse(t, await api.request('vera', 'GET', first), 404, 'clip_not_found');
    await api.recordings.clips.forgetUser('anna');
    t.match((await api.request('anna', 'GET', second)).json(), { clip: { createdBy: null } });
  },
);

t.test('a clip of a private recording is private in a public livestream', async (t) => {
  const api = await openClipApi(t);
  const streamId = await api.create({ title: 'A', clipsBy: 'viewers' });
  const recordingId = await api.recorded(streamId);
  await api.recordings.edit(recordingId, { visibility: 'private' });
  const at = `recordings/${recordingId}/clips`;
  assertErrorResponse(
    t,
    await api.request('vera', 'POST', at, { title: 'x', ...RANGE }),
    404,
    'recording_not_found',
  );
  const made = await api.request('anna', 'POST', at, { title: 'x', ...RANGE });
  const one = `clips/${made.json<{ clip: { id: string } }>().clip.id}`;
  await api.sql`update recordings set state = 'ready' where purpose = 'clip'`;
  for (const path of [one, `${one}/chat`])
    assertErrorResponse(t, await api.request('vera', 'GET', path), 404, 'clip_not_found');
  t.equal((await api.request('anna', 'GET', one)).statusCode, 200);
  for (const path of ['clips', `${streamId}/clips`])
    t.equal((await api.request('vera', 'GET', path)).json<Listed>().clips.length, 0, path);
  t.match(await api.recordings.findWatched(one.split('/')[1]!), { visibility: 'private' });
});

t.test(
  'a private clip is for who made it, the owner and invitees while the livestream is open to them',
  async (t) => {
    const api = await openClipApi(t);
    const streamId = await api.create({ title: 'A', clipsBy: 'viewers' });
    await api.sql`insert into chat_moderators (stream_id, user_id) values (${streamId}, 'boris')`;
    const at = `recordings/${await api.recorded(streamId)}/clips`;
    const made = await api.request('vera', 'POST', at, { title: 'x', visibility: 'private', ...RANGE });
    const one = `clips/${made.json<{ clip: { id: string } }>().clip.id}`;
    await api.sql`update recordings set state = 'ready' where purpose = 'clip'`;
    const seen = async (name: PersonName | undefined): Promise<unknown[]> => {
      const [single, listed] = [
        await api.request(name, 'GET', one),
        await api.request(name, 'GET', `${streamId}/clips`),
      ];
      return [single.statusCode, listed.json<Listed>().clips?.length];
    };
    const others = { undefined: [404, 0], boris: [404, 0] };
    const all = async (): Promise<object> => {
      const answers: Record<string, unknown> = {};
      for (const name of ['vera', 'anna', 'ada', undefined, 'boris'] as const)
        answers[String(name)] = await seen(name);
      return answers;
    };
    t.strictSame(await all(), { vera: [200, 1], anna: [200, 1], ada: [200, 1], ...others });
    t.match(await api.recordings.findWatched(one.split('/')[1]!), { visibility: 'private', maker: 'vera' });
    await api.livestreams.invitees.add(streamId, 'boris');
    t.match(await seen('boris'), [200]);
    t.equal((await api.request('vera', 'PATCH', one, { title: 'y' })).statusCode, 200);
    t.match((await api.request('vera', 'GET', one)).json(), { clip: { title: 'y', visibility: 'private' } });
    t.equal((await api.request('vera', 'PATCH', one, { visibility: 'public' })).statusCode, 200);
    t.strictSame(await seen(undefined), [200, 1]);
    t.equal((await api.request('anna', 'PATCH', one, { visibility: 'private' })).statusCode, 200);
    t.strictSame(await seen(undefined), [404, 0]);
    await api.livestreams.edit(streamId, { visibility: 'private' });
    t.match(await seen('vera'), [404], 'a private livestream is not for who made the clip');
    t.match(await api.recordings.findWatched(one.split('/')[1]!), { visibility: 'private', maker: null });
  },
);

t.test('bad requests are refused and leave no clip', async (t) => {
  const api = await openClipApi(t);
  const streamId = await api.create();
  const recordingId = await api.recorded(streamId);
  const date = (seconds: number): string => new Date(ORIGIN_MS + seconds * 1_000).toISOString();
  for (const [body, code] of [
    [{}, 'validation_failed'],
    [{ title: '', ...RANGE }, 'validation_failed'],
    [{ title: 'a\u0000b', ...RANGE }, 'validation_failed'],
    [{ title: 'x'.repeat(201), ...RANGE }, 'validation_failed'],
    [{ title: 'x', ...RANGE, speed: 2 }, 'validation_failed'],
    [{ title: 'x', startS: -1, endS: 9 }, 'validation_failed'],
    [{ title: 'x', startS: 1, endS: 1e12 }, 'validation_failed'],
    [{ title: 'x', startS: 'NaN', endS: 9 }, 'validation_failed'],
    [{ title: 'x', startS: 1 }, 'validation_failed'],
    [{ title: 'x', startS: 1, end: date(9) }, 'validation_failed'],
    [{ title: 'x', start: '0000-01-01T00:00:00Z', end: date(9) }, 'validation_failed'],
    [{ title: 'x', startS: 10, endS: 14.9 }, 'clip_range_invalid'],
    [{ title: 'x', startS: 10, endS: 190.1 }, 'clip_range_invalid'],
    [{ title: 'x', startS: 20, endS: 10 }, 'clip_range_invalid'],
    [{ title: 'x', startS: 290, endS: 301 }, 'clip_range_invalid'],
    [{ title: 'x', start: date(9), end: date(2) }, 'clip_range_invalid'],
    [{ title: 'x', start: date(-60), end: date(-50) }, 'clip_range_invalid'],
    [{ title: 'x', start: date(10), end: date(50) }, 'clip_range_invalid'],
  ] as const) {
    const answer = await api.request('operator', 'POST', `recordings/${recordingId}/clips`, body);
    assertErrorResponse(t, answer, 400, code);
  }
  const live = { title: 'x', start: date(0), end: date(10) };
  for (const [path, body, status, code] of [
    [`recordings/${newId()}/clips`, { title: 'x', ...RANGE }, 404, 'recording_not_found'],
    ['recordings/..%2fetc/clips', { title: 'x', ...RANGE }, 400, 'validation_failed'],
    [`${newId()}/clips`, live, 404, 'stream_not_found'],
    [`${await api.create()}/clips`, live, 409, 'stream_offline'],
    [
      `${streamId}/clips`,
      { title: 'x', start: '0001-01-01T00:00:00Z', end: '0001-01-01T00:00:09Z' },
      400,
      'clip_range_invalid',
    ],
    [`${streamId}/clips`, { title: 'x', start: date(4e9), end: date(4e9 + 10) }, 400, 'clip_range_invalid'],
    [`${streamId}/clips`, { title: 'x', start: date(-99), end: date(-90) }, 400, 'clip_range_invalid'],
    [`${streamId}/clips`, { title: 'x', ...RANGE }, 400, 'validation_failed'],
  ] as const)
    assertErrorResponse(t, await api.request('anna', 'POST', path, body), status, code);
  t.equal((await api.sql`select from clips`).length, 0);
  for (const [id, status, code] of [
    [newId(), 404, 'clip_not_found'],
    ['1', 400, 'validation_failed'],
  ] as const)
    assertErrorResponse(t, await api.request('anna', 'DELETE', `clips/${id}`), status, code);
  await api.app.ready();
  checkDocument(t, (await api.app.inject('/openapi.json')).json<OpenApi>(), api.routes);
});

t.test('the date of a position is on the timeline of the recording, over a gap', async (t) => {
  const api = await openClipApi(t);
  const at = `recordings/${await api.recorded(await api.create())}/clips`;
  const made = await api.request('anna', 'POST', at, { title: 'x', startS: 1, endS: 7.5, exact: true });
  t.match(made.json(), {
    clip: { startsAt: '2026-01-01T00:00:01.000Z', endsAt: '2026-01-01T00:01:07.500Z', exact: true },
  });
  const dates = { start: '2026-01-01T00:00:01Z', end: '2026-01-01T00:01:07.5Z' };
  t.match((await api.request('anna', 'POST', at, { title: 'x', ...dates })).json(), {
    clip: { startsAt: '2026-01-01T00:00:01.000Z', endsAt: '2026-01-01T00:01:07.500Z' },
  });
});

t.test('clips are bounded: per account and minute, in work, and by the storage quota', async (t) => {
  const api = await openClipApi(t, { quotaBytes: 1_000_000 });
  const streamId = await api.create();
  const at = `recordings/${await api.recorded(streamId)}/clips`;
  const make = (name: PersonName = 'anna') => api.request(name, 'POST', at, { title: 'x', ...RANGE });
  await api.recordings.clips.close();
  for (let index = 0; index < 5; index++) t.equal((await make()).statusCode, 201);
  assertErrorResponse(t, await make(), 429, 'too_many_clips');
  assertErrorResponse(t, await make(), 429, 'rate_limited');
  t.equal((await make('ada')).statusCode, 201, 'others may');
  await api.sql`update recordings set size_bytes = 1000000 where purpose = 'clip'`;
  assertErrorResponse(t, await make('operator'), 409, 'recording_quota_reached');
});
