import t, { type Test } from 'tap';
import { chatRoutes, createGuards, livestreamHealthRoutes } from '../../../src/api/index.js';
import { type Chat, createChat } from '../../../src/chat/index.js';
import { IngestHealth } from '../../../src/health/index.js';
import { BoundedCalls, systemClock } from '../../../src/platform/index.js';
import type { Publication } from '../../../src/streams/index.js';
import { FakeSocketHub } from '../../support/fakes/fake-socket-hub.js';
import {
  assertErrorResponse,
  authenticateByName,
  authorizationOf,
  openLivestreamApi,
  type PersonName,
} from '../../support/fixtures/livestream-api-fixture.js';
import { recordLog } from '../../support/fixtures/log-record.js';
import { until } from '../../support/until.js';

async function openHealthApi(t: Test) {
  const guards = createGuards({ authenticate: authenticateByName });
  const modules: { chat?: Chat; health?: IngestHealth } = {};
  const api = await openLivestreamApi(t, {
    registerFurtherRoutes: async (scope) => {
      const chat = modules.chat!;
      await scope.register(chatRoutes, { chat, guards });
      await scope.register(livestreamHealthRoutes, { health: modules.health!, chat, guards });
    },
  });
  const { sql, livestreams, streams, clock, app } = api;
  const { log } = recordLog();
  modules.chat = createChat({
    ...{ sql, livestreams, clock, log },
    hub: new FakeSocketHub(),
    isFollowing: async () => false,
    isAdminAccount: async () => false,
    addressSecret: Buffer.from('a secret of the test'),
  });
  t.teardown(() => modules.chat?.close());
  const health = new IngestHealth({
    ...{ sql, clock, log },
    notices: (streamId) => streams.status(streamId).notices,
    openAudioMeter: () => ({ closed: Promise.resolve(), close() {} }),
    calls: new BoundedCalls({ clock: systemClock, timeoutMs: 10_000 }),
  });
  t.teardown(() => health.close());
  modules.health = health;
  streams.subscribe(health);
  const read = async (streamId: string, name?: PersonName, query = '') =>
    await app.inject({
      url: `/api/livestream/${streamId}/health${query}`,
      ...(name && { headers: authorizationOf(name) }),
    });
  const healthOf = async (streamId: string, query = '') =>
    (await read(streamId, 'anna', query)).json().health;
  return { ...api, read, healthOf };
}

/** Publishes good media for some seconds. */
async function send(
  { clock }: { clock: { advance(ms: number): Promise<void> } },
  { counters }: Publication,
  seconds: number,
): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    for (let picture = 0; picture < 30; picture++) counters.countPicture(10_000, picture === 0, 0);
    counters.countAudio(10_000, 0);
    await clock.advance(1_000);
  }
}

t.test('the broadcaster, moderators and admins read the health, others get an error', async (t) => {
  const { app, create, read } = await openHealthApi(t);
  const streamId = await create();
  assertErrorResponse(t, await read(streamId), 401, 'not_signed_in');
  for (const name of ['vera', 'boris'] as const)
    assertErrorResponse(t, await read(streamId, name), 403, 'not_allowed');
  for (const name of ['anna', 'ada', 'operator'] as const)
    t.equal((await read(streamId, name)).statusCode, 200, name);
  const appointed = await app.inject({
    method: 'PUT',
    url: `/api/livestream/${streamId}/chat/moderators/vera`,
    headers: authorizationOf('anna'),
  });
  t.equal(appointed.statusCode, 200, appointed.body);
  t.match((await read(streamId, 'vera')).json(), {
    health: { streamId, broadcast: null, series: { at: [] }, findings: [], pastFindings: [] },
  });
  const hidden = await create({ visibility: 'private' });
  assertErrorResponse(t, await read(hidden, 'boris'), 404, 'stream_not_found');
  assertErrorResponse(t, await read(streamId, 'anna', '?since=-1'), 400, 'validation_failed');
  assertErrorResponse(t, await read(streamId, 'anna', '?since=x'), 400, 'validation_failed');
});

t.test('the series has one value a second for five minutes, and those later than a time', async (t) => {
  const api = await openHealthApi(t);
  const streamId = await api.create();
  const { publication } = await api.publish(streamId);
  await send(api, publication, 3);
  const { series } = await api.healthOf(streamId);
  t.match(series, {
    videoBitrate: [2_400_000, 2_400_000, 2_400_000],
    audioBitrate: [80_000, 80_000, 80_000],
    frameRate: [30, 30, 30],
    packetLoss: [null, null, null],
    audioLevel: [null, null, null],
  });
  const [, second, third] = series.at;
  t.same((await api.healthOf(streamId, `?since=${second}`)).series.at, [third]);
  t.same((await api.healthOf(streamId, `?since=${third}`)).series.at, []);
  await send(api, publication, 400);
  const { at, frameRate } = (await api.healthOf(streamId)).series;
  t.equal(at.length, 300);
  t.equal(frameRate.length, 300);
  t.equal(at[0], third + 101_000, 'the oldest are forgotten');
});

t.test('a finding begins, ends after ten seconds without its fault, and is counted again', async (t) => {
  const api = await openHealthApi(t);
  const { clock, sql } = api;
  const streamId = await api.create();
  const { publication } = await api.publish(streamId);
  await send(api, publication, 12);
  t.same((await api.healthOf(streamId)).findings, []);

  const since = new Date(clock.now() + 1_000).toISOString();
  publication.notice('shed', 'The server is too slow: 720p left out.');
  await send(api, publication, 1);
  const finding = { code: 'rendition-shed', severity: 'warning', since, until: null, occurrences: 1 };
  t.match((await api.healthOf(streamId)).findings, [
    { ...finding, message: 'The server is too slow: 720p left out.', cure: /operator/ },
  ]);

  const untilTime = new Date(clock.now()).toISOString();
  publication.notice('shed', undefined);
  await send(api, publication, 9);
  t.equal((await api.healthOf(streamId)).findings.length, 1, 'it may come back at once');
  await send(api, publication, 1);
  t.match(await api.healthOf(streamId), {
    findings: [],
    pastFindings: [{ ...finding, until: untilTime }],
  });

  publication.notice('shed', 'Once more.');
  await send(api, publication, 1);
  t.match((await api.healthOf(streamId)).findings, [{ message: 'Once more.', until: null, occurrences: 2 }]);
  await until('the database has it', async () => {
    const rows = await sql`select occurrences, until from broadcast_findings`;
    return rows.length === 1 && rows[0]!.occurrences === 2 && rows[0]!.until === null;
  });

  await api.streams.endLivestream(streamId, 'ended-by-owner');
  t.match(await api.healthOf(streamId), {
    broadcast: { endedAt: String },
    findings: [],
    pastFindings: [{ code: 'rendition-shed', until: String, occurrences: 2 }],
  });
});

t.test('media that stop are found once, and a pause of the publisher is no fault', async (t) => {
  const api = await openHealthApi(t);
  const streamId = await api.create();
  const { publication } = await api.publish(streamId);
  await send(api, publication, 2);
  await api.clock.advance(9_000);
  t.same((await api.healthOf(streamId)).findings, []);
  await api.clock.advance(1_000);
  const codes = (await api.healthOf(streamId)).findings.map(({ code }: { code: string }) => code);
  t.same(codes.sort(), ['picture-missing', 'sound-missing']);
  publication.close('publisher-lost');
  const { length } = (await api.healthOf(streamId)).series.at;
  await api.clock.advance(20_000);
  t.equal((await api.healthOf(streamId)).series.at.length, length, 'nothing is measured without a publisher');
});
