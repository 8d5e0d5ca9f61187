import t, { type Test } from 'tap';
import { analyticsRoutes, createGuards } from '../../../src/api/index.js';
import { ViewHistoryTable } from '../../../src/audience/view-history-table.js';
import { type Chat, createChat } from '../../../src/chat/index.js';
import { newId } from '../../../src/platform/index.js';
import { JoinFailures } from '../../../src/qoe/join-failures.js';
import { FakeSocketHub } from '../../support/fakes/fake-socket-hub.js';
import {
  assertErrorResponse,
  authenticateByName,
  authorizationOf,
  openLivestreamApi,
  type PersonName,
} from '../../support/fixtures/livestream-api-fixture.js';
import { recordLog } from '../../support/fixtures/log-record.js';

const START_MS = Date.parse('2026-01-01T20:00:00Z');
const at = (minutes: number): Date => new Date(START_MS + minutes * 60_000);

async function openAnalyticsApi(t: Test) {
  const guards = createGuards({ authenticate: authenticateByName });
  const modules: { chat?: Chat; views?: ViewHistoryTable; failures?: JoinFailures } = {};
  const api = await openLivestreamApi(t, {
    guards,
    registerFurtherRoutes: async (scope, lookup) => {
      await scope.register(analyticsRoutes, {
        ...{ streams: api.streams, lookup, guards, clock: api.clock },
        audience: { analyze: (...query) => modules.views!.analyze(...query) },
        qoe: { listJoinFailures: (...query) => modules.failures!.list(...query) },
        chat: { records: { activityOf: (...query) => modules.chat!.records.activityOf(...query) } },
      });
    },
  });
  const { sql, livestreams, clock, app } = api;
  modules.views = new ViewHistoryTable(sql);
  const failures = new JoinFailures({ sql, log: recordLog().log });
  modules.failures = failures;
  modules.chat = createChat({
    ...{ sql, livestreams, clock, log: recordLog().log, hub: new FakeSocketHub() },
    isFollowing: async () => false,
    isAdminAccount: async () => false,
    addressSecret: Buffer.from('a secret of the test'),
  });
  t.teardown(() => modules.chat?.close());
  const broadcast = async (streamId: string, from: number, to: number | null): Promise<string> => {
    const id = newId();
    await sql`
      insert into broadcasts (id, stream_id, started_at, ended_at, end_reason, last_seen_at)
      values (${id}, ${streamId}, ${at(from)}, ${to === null ? null : at(to)}, 'grace-expired', ${at(from)})`;
    return id;
  };
  const view = async (
    streamId: string,
    viewerId: string,
    protocol: string | null,
    from: number,
    to: number | null,
  ): Promise<void> => {
    await sql`
      insert into livestream_viewers (id, viewer_id, stream_id, joined_at, left_at, protocol)
      values (${newId()}, ${viewerId}, ${streamId}, ${at(from)}, ${to === null ? null : at(to)}, ${protocol})`;
  };
  const get = (path: string, name?: PersonName) =>
    app.inject({ url: `/api/livestream/${path}`, ...(name && { headers: authorizationOf(name) }) });
  return { ...api, broadcast, view, failures, get };
}

t.test('views, watch time, comings and goings and chat of one broadcast are counted', async (t) => {
  const { sql, create, broadcast, view, failures, get } = await openAnalyticsApi(t);
  const streamId = await create({ title: '=A title' });
  const before = await broadcast(streamId, -120, -60);
  const id = await broadcast(streamId, 0, 10);
  const [ada, bob, eve] = [newId(), newId(), newId()];
  await view(streamId, ada, 'whep', -1, 4); // waited for the broadcast
  await view(streamId, ada, 'whep', 5, 10);
  await view(streamId, bob, 'll-hls', 2, null); // still open in the table
  await view(streamId, eve, null, 9, 12);
  await view(streamId, eve, 'hls', -100, -90); // of the broadcast before
  for (const minute of [2, 3])
    await sql`insert into livestream_viewer_minutes (stream_id, minute, viewers, by_protocol)
      values (${streamId}, ${at(minute)}, ${minute}, ${sql.json({ whep: 1, 'll-hls': minute - 1 })})`;
  for (const minute of [0.5, 3, 3.5, 11])
    await sql`insert into livestream_chat (id, stream_id, user_id, message, created_at)
      values (${newId()}, ${streamId}, 'ada', 'hello', ${at(minute)})`;

  for (const [code, minute] of [
    ['ice_failed', 0.2],
    ['ice_failed', 0.9],
    ['hls_late', 9.5],
    ['hls_late', 10.1],
    ['ice_failed', 9.9],
  ] as const)
    failures.record(id, code, at(minute).getTime());
  failures.record(before, 'ice_failed', at(-100).getTime());
  await failures.stored();

  const { analytics } = (await get(`${streamId}/broadcasts/${id}/analytics`, 'anna')).json();
  t.match(analytics, {
    ...{ intervalS: 60, views: 4, viewers: 3, peakViewers: 3, messages: 3, authors: 1 },
    watchTimeS: (4 + 5 + 8 + 1) * 60,
  });
  const byProtocol = Object.fromEntries(
    analytics.byProtocol.map((sums: { protocol: string; watchTimeS: number }) => [
      sums.protocol,
      sums.watchTimeS / 60,
    ]),
  );
  t.same(byProtocol, { whep: 9, 'll-hls': 8, none: 1 });
  t.same(analytics.series, {
    total: [0, 0, 2, 3, 0, 0, 0, 0, 0, 0],
    whep: [0, 0, 1, 1, 0, 0, 0, 0, 0, 0],
    'll-hls': [0, 0, 1, 2, 0, 0, 0, 0, 0, 0],
    hls: Array(10).fill(0),
    dash: Array(10).fill(0),
    joined: [1, 0, 1, 0, 0, 1, 0, 0, 0, 1],
    departed: [0, 0, 0, 0, 1, 0, 0, 0, 0, 0],
    messages: [1, 0, 0, 2, 0, 0, 0, 0, 0, 0],
    joinFailures: [2, 0, 0, 0, 0, 0, 0, 0, 0, 3],
  });
  t.same(analytics.joinFailures, [
    { code: 'ice_failed', failures: 3 },
    { code: 'hls_late', failures: 2 },
  ]);

  const listed = (await get(`${streamId}/broadcasts`, 'anna')).json().broadcasts;
  t.same(
    listed.map((each: { id: string }) => each.id),
    [id, before],
  );
  t.match((await get(`${streamId}/broadcasts?before=${id}`, 'anna')).json().broadcasts, [{ id: before }]);
  const csv = await get(`${streamId}/broadcasts/${id}/analytics.csv`, 'anna');
  t.match(csv.headers, {
    'content-type': 'text/csv; charset=utf-8',
    'content-disposition': 'attachment; filename="broadcast-2026-01-01.csv"',
  });
  t.match(csv.body, "\r\n'=A title,2026-01-01T20:03:00.000Z,3,1,2,0,0,0,0,2,0\r\n");
});

t.test('a long broadcast has wider intervals, and its analytics are for its owner', async (t) => {
  const { create, broadcast, get } = await openAnalyticsApi(t);
  const streamId = await create();
  const id = await broadcast(streamId, 0, 30 * 24 * 60);
  const path = `${streamId}/broadcasts/${id}/analytics`;
  const { analytics } = (await get(path, 'anna')).json();
  t.equal(analytics.intervalS, 14 * 60);
  t.equal(analytics.series.total.length, 720, 'the last seven days');
  assertErrorResponse(t, await get(path, 'boris'), 403, 'not_allowed');
  assertErrorResponse(t, await get(path), 401, 'not_signed_in');
  t.equal((await get(path, 'ada')).statusCode, 200);
  const other = await create({}, 'boris');
  const elsewhere = await get(`${other}/broadcasts/${id}/analytics`, 'boris');
  assertErrorResponse(t, elsewhere, 404, 'broadcast_not_found');
});
