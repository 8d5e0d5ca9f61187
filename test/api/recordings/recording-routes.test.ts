import t, { type Test } from 'tap';
import { createGuards, livestreamRecordingRoutes, recordingRoutes } from '../../../src/api/index.js';
import { type Clock, createLog, newId } from '../../../src/platform/index.js';
import { Recordings } from '../../../src/recordings/index.js';
import { RecordingTable } from '../../../src/recordings/recording-table.js';
import type { Livestreams } from '../../../src/streams/index.js';
import {
  assertErrorResponse,
  authenticateByName,
  authorizationOf,
  openLivestreamApi,
  type PersonName,
  URLS,
} from '../../support/fixtures/livestream-api-fixture.js';
import { checkDocument, type OpenApi } from '../../support/fixtures/openapi.js';

type Body = { recording: { id: string; state: string; playback: { hls: string } | null } };

/** Opens the routes; those of single recordings are below `/api/livestream/recordings` here. */
async function openRecordingApi(t: Test) {
  const held: { recordings?: Recordings; livestreams?: Livestreams; clock?: Clock } = {};
  const guards = createGuards({ authenticate: authenticateByName });
  const api = await openLivestreamApi(t, {
    guards,
    registerFurtherRoutes: async (scope, lookup) => {
      const { recordings, livestreams, clock } = held;
      if (!recordings || !livestreams || !clock) throw new Error('no recordings');
      const videos = { usage: async () => ({ videos: 2, uploading: 0, sizeBytes: 500 }) };
      const options = { recordings, videos, livestreams, lookup, guards, urls: URLS, clock };
      await scope.register(livestreamRecordingRoutes, options);
      await scope.register(recordingRoutes, { ...options, prefix: '/recordings' });
    },
  });
  const { sql, livestreams, streams, clock, folder } = api;
  const recordings = await Recordings.open({
    ...{
      sql,
      livestreams,
      streams,
      clock,
      folder,
      renditions: 'source',
      quotaBytes: 0,
      rewind: { windowMs: 0 },
      keepDays: 0,
    },
    recordsSlates: true,
    ...{ minimumFreeBytes: 0, packager: { onSegment() {} }, onReady() {}, log: createLog('silent') },
  });
  Object.assign(held, { recordings, livestreams, clock });
  streams.subscribe(recordings);
  t.teardown(() => recordings.close());
  const table = new RecordingTable(sql);
  return {
    ...api,
    recordings,
    /** Stores a recording that is ready. */
    async recorded(streamId: string): Promise<string> {
      const [id, claimant] = [newId(), newId()];
      const startedAt = new Date(clock.now());
      const row = { id, streamId, broadcastId: newId(), userId: 'anna', startedAt };
      await table.insert(
        { ...row, purpose: 'recording', renditions: 'source', storeId: recordings.videos.store.id },
        claimant,
      );
      await sql`update recordings set state = 'ready', ended_at = now(), end_reason = 'stopped' where id = ${id}`;
      return id;
    },
    request: (
      name: PersonName | undefined,
      method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
      path: string,
      payload?: object,
    ) =>
      api.app.inject({
        ...{ method, url: `/api/livestream/${path}` },
        ...(name === undefined ? {} : { headers: authorizationOf(name) }),
        ...(payload === undefined ? {} : { payload }),
      }),
  };
}

t.test('the owner starts and stops a recording of the running broadcast; others may not', async (t) => {
  const api = await openRecordingApi(t);
  const streamId = await api.create();
  const at = `${streamId}/recordings`;
  assertErrorResponse(t, await api.request('anna', 'POST', at, {}), 409, 'stream_offline');
  await api.publish(streamId);
  assertErrorResponse(t, await api.request(undefined, 'POST', at, {}), 401, 'not_signed_in');
  assertErrorResponse(t, await api.request('boris', 'POST', at, {}), 403, 'not_allowed');
  for (const wrong of [{ renditions: 'best' }, { bitrate: 1 }])
    assertErrorResponse(t, await api.request('anna', 'POST', at, wrong), 400, 'validation_failed');
  const started = await api.request('anna', 'POST', at, { renditions: 'all' });
  t.equal(started.statusCode, 201, started.body);
  const { recording } = started.json<Body>();
  t.match(recording, { state: 'recording', renditions: 'all', playback: null, durationS: 0 });
  assertErrorResponse(t, await api.request('anna', 'POST', at), 409, 'recording_under_way');
  const one = `recordings/${recording.id}`;
  assertErrorResponse(t, await api.request('boris', 'POST', `${one}/stop`), 403, 'not_allowed');
  assertErrorResponse(t, await api.request('anna', 'DELETE', one), 409, 'recording_under_way');
  const stopping = Promise.all([
    api.request('anna', 'POST', `${one}/stop`),
    api.request('ada', 'POST', `${one}/stop`, {}),
  ]);
  const ticks = setInterval(() => void api.clock.advance(500), 20);
  for (const stopped of await stopping)
    t.match(stopped.json(), { recording: { state: 'failed', endReason: 'stopped' } });
  clearInterval(ticks);
  t.match((await api.request(undefined, 'GET', at)).json(), { recordings: [{ id: recording.id }] });
});

t.test('a recording of a private livestream exists for those only who may watch it', async (t) => {
  const api = await openRecordingApi(t);
  const streamId = await api.create();
  const id = await api.recorded(streamId);
  const one = `recordings/${id}`;
  const url = `https://live.example.test/recordings/${id}/index.m3u8`;
  const shown = await api.request(undefined, 'GET', one);
  t.match(shown.json(), { recording: { playback: { hls: url } } });
  await api.livestreams.edit(streamId, { visibility: 'private' });
  for (const name of [undefined, 'vera', 'boris'] as const)
    for (const [method, path] of [
      ['GET', one],
      ['POST', `${one}/stop`],
      ['DELETE', one],
    ] as const) {
      const answer = await api.request(name, method, path);
      const isUnknown = method === 'GET' || name !== undefined;
      assertErrorResponse(
        t,
        answer,
        isUnknown ? 404 : 401,
        isUnknown ? 'recording_not_found' : 'not_signed_in',
      );
    }
  assertErrorResponse(t, await api.request('vera', 'GET', `${streamId}/recordings`), 404, 'stream_not_found');
  for (const name of ['anna', 'ada', 'operator'] as const)
    t.equal((await api.request(name, 'GET', one)).statusCode, 200);
  await api.livestreams.invitees.add(streamId, 'vera');
  t.equal((await api.request('vera', 'GET', one)).statusCode, 200);
  assertErrorResponse(t, await api.request('vera', 'DELETE', one), 403, 'not_allowed');
  t.equal((await api.request('anna', 'DELETE', one)).statusCode, 200);
  assertErrorResponse(t, await api.request('anna', 'GET', one), 404, 'recording_not_found');
});

t.test('ids that name no recording are refused', async (t) => {
  const api = await openRecordingApi(t);
  for (const [id, status, code] of [
    [newId(), 404, 'recording_not_found'],
    ['..%2f..%2fetc', 400, 'validation_failed'],
    ['1', 400, 'validation_failed'],
  ] as const)
    assertErrorResponse(t, await api.request('anna', 'GET', `recordings/${id}`), status, code);
  await api.app.ready();
  const document = (await api.app.inject('/openapi.json')).json<OpenApi>();
  checkDocument(t, document, api.routes);
});

t.test(
  'an account lists its recordings with the storage that they take; others only as administrators',
  async (t) => {
    const api = await openRecordingApi(t);
    const [first, second] = [await api.create(), await api.create()];
    const ids = [await api.recorded(first), await api.recorded(second), await api.recorded(second)];
    await api.sql`update recordings set size_bytes = 1000, duration_s = 2.5`;
    await api.sql`update recordings set state = 'failed' where id = ${ids[1]!}`;
    type List = { recordings: { id: string }[]; storage: object };
    const list = async (name: PersonName, query = ''): Promise<List> => {
      const response = await api.request(name, 'GET', `recordings${query}`);
      t.equal(response.statusCode, 200, response.body);
      return response.json<List>();
    };
    const idsOf = ({ recordings }: List): string[] => recordings.map(({ id }) => id);
    const own = await list('anna');
    t.strictSame(idsOf(own), ids.toReversed());
    t.strictSame(own.storage, {
      recordings: 3,
      clips: 0,
      videos: 2,
      sizeBytes: 3_500,
      durationS: 7.5,
      quotaBytes: 0,
    });
    t.strictSame(idsOf(await list('anna', '?state=ready')), [ids[2], ids[0]]);
    t.strictSame(idsOf(await list('anna', `?streamId=${second}&limit=1`)), [ids[2]]);
    t.strictSame(idsOf(await list('anna', `?before=${ids[2]}`)), [ids[1], ids[0]]);
    t.strictSame(idsOf(await list('ada', '?userId=anna')), ids.toReversed());
    t.strictSame(await list('boris'), {
      ...{
        recordings: [],
        storage: { recordings: 0, clips: 0, videos: 2, sizeBytes: 500, durationS: 0, quotaBytes: 0 },
      },
    });
    assertErrorResponse(t, await api.request('boris', 'GET', 'recordings?userId=anna'), 403, 'not_allowed');
    assertErrorResponse(t, await api.request(undefined, 'GET', 'recordings'), 401, 'not_signed_in');
    for (const wrong of ['state=deleting', 'limit=1000', 'streamId=x', 'other=1'])
      assertErrorResponse(
        t,
        await api.request('anna', 'GET', `recordings?${wrong}`),
        400,
        'validation_failed',
      );
  },
);

type Listed = { recordings: { id: string; title: string; visibility: string }[] };

t.test(
  'a recording has the title and visibility of its livestream until its owner chooses others',
  async (t) => {
    const api = await openRecordingApi(t);
    const streamId = await api.create();
    await api.livestreams.edit(streamId, { title: 'Evening', visibility: 'unlisted' });
    const id = await api.recorded(streamId);
    const one = `recordings/${id}`;
    const shown = async (): Promise<{ title: string; visibility: string }> =>
      (await api.request('anna', 'GET', one)).json().recording;
    t.match(await shown(), { title: 'Evening', visibility: 'unlisted' });
    await api.livestreams.edit(streamId, { title: 'Morning', visibility: 'public' });
    t.match(await shown(), { title: 'Evening', visibility: 'unlisted' }, 'nothing is opened later');
    await api.livestreams.edit(streamId, { visibility: 'private' });
    t.match(await shown(), { visibility: 'private' }, 'a livestream that becomes private takes it along');

    for (const [name, status, code] of [
      [undefined, 401, 'not_signed_in'],
      ['boris', 404, 'recording_not_found'],
    ] as const)
      assertErrorResponse(t, await api.request(name, 'PATCH', one, { title: 'Mine' }), status, code);
    for (const wrong of [{}, { title: ' ' }, { visibility: 'secret' }, { state: 'ready' }])
      assertErrorResponse(t, await api.request('anna', 'PATCH', one, wrong), 400, 'validation_failed');
    const edited = await api.request('anna', 'PATCH', one, { title: 'First', visibility: 'public' });
    t.equal(edited.statusCode, 200, edited.body);
    t.match(edited.json(), { recording: { id, title: 'First', visibility: 'public' } });
    t.match((await api.request(undefined, 'GET', one)).json(), { recording: { title: 'First' } });
    assertErrorResponse(t, await api.request('boris', 'PATCH', one, { title: 'Mine' }), 403, 'not_allowed');
    await api.request('anna', 'PATCH', one, { title: 'Second' });
    t.match(await shown(), { title: 'Second', visibility: 'public' });
  },
);

t.test('lists show others what is as open as the list, and recent ones what is public', async (t) => {
  const api = await openRecordingApi(t);
  const [streamId, other] = [await api.create(), await api.create()];
  const [open, unlisted, closed] = [
    await api.recorded(streamId),
    await api.recorded(streamId),
    await api.recorded(streamId),
  ];
  const elsewhere = await api.recorded(other);
  const choose = async (id: string, visibility: string): Promise<void> => {
    t.equal((await api.request('anna', 'PATCH', `recordings/${id}`, { visibility })).statusCode, 200);
  };
  await choose(unlisted, 'unlisted');
  await choose(closed, 'private');
  const ids = async (name: PersonName | undefined, path: string): Promise<string[]> => {
    const response = await api.request(name, 'GET', path);
    t.equal(response.statusCode, 200, response.body);
    return response.json<Listed>().recordings.map(({ id }) => id);
  };
  const ofStream = `${streamId}/recordings`;
  t.strictSame(await ids('anna', ofStream), [closed, unlisted, open]);
  t.strictSame(await ids('ada', ofStream), [closed, unlisted, open]);
  t.strictSame(await ids(undefined, ofStream), [open]);
  t.strictSame(await ids(undefined, 'recordings/recent'), [elsewhere, open]);
  t.strictSame(await ids(undefined, `recordings/recent?streamId=${streamId}`), [open]);
  t.strictSame(await ids(undefined, `recordings/recent?before=${elsewhere}`), [open]);
  t.strictSame(await ids(undefined, 'recordings/recent?userId=anna&limit=1'), [elsewhere]);
  t.strictSame(await ids(undefined, 'recordings/recent?userId=boris'), []);
  await api.livestreams.edit(streamId, { visibility: 'unlisted' });
  t.strictSame(await ids(undefined, ofStream), [unlisted, open]);
  t.strictSame(await ids(undefined, 'recordings/recent'), [elsewhere], 'it is listed no longer');
  await api.livestreams.edit(other, { visibility: 'private' });
  t.strictSame(await ids(undefined, 'recordings/recent'), []);
  await choose(elsewhere, 'public');
  t.strictSame(await ids(undefined, 'recordings/recent'), [elsewhere], 'its owner has opened it');
  await api.livestreams.invitees.add(streamId, 'vera');
  t.equal((await api.request('vera', 'GET', `recordings/${closed}`)).statusCode, 200, 'invited');
  assertErrorResponse(
    t,
    await api.request('boris', 'GET', `recordings/${closed}`),
    404,
    'recording_not_found',
  );
});

t.test('a livestream names the newest recording that its viewers may watch', async (t) => {
  const api = await openRecordingApi(t);
  const streamId = await api.create();
  const [older, newer] = [await api.recorded(streamId), await api.recorded(streamId)];
  const named = async (): Promise<string | null | undefined> =>
    (await api.livestreams.find(streamId))?.recordingUrl;
  const pathOf = (id: string): string => `recordings/${id}/index.m3u8`;
  await api.recordings.edit(newer, { visibility: 'public' });
  t.equal(await named(), pathOf(newer));
  await api.recordings.edit(newer, { visibility: 'private' });
  t.equal(await named(), pathOf(older));
  await api.request('anna', 'DELETE', `recordings/${older}`);
  t.equal(await named(), null);
  await api.livestreams.edit(streamId, { recordingUrl: 'https://host.example.test/video' });
  await api.recordings.edit(newer, { visibility: 'public' });
  t.equal(await named(), 'https://host.example.test/video', 'the URL of another server stays');
});
