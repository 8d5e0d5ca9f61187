import t from 'tap';
import { ANONYMOUS } from '../../src/accounts/index.js';
import { newId } from '../../src/platform/index.js';
import {
  account,
  FakeAudienceClient,
  openAudienceFixture,
  viewerRequest,
} from '../support/fixtures/audience-fixture.js';
import { until } from '../support/until.js';

t.test('after a crash open views end at the last heartbeat, and tokens stay valid', async (t) => {
  const fixture = await openAudienceFixture(t);
  const { audience, clock, livestream, viewRows, open, sql } = fixture;
  const streamId = await livestream({ visibility: 'private' });
  const { token } = await audience.join(account('owner'), viewerRequest(streamId));
  const gone = await audience.join(account('root', 'admin'), viewerRequest(streamId));
  await clock.advance(7_000);
  audience.recordActivity(streamId, token, 'll-hls');
  t.match(await viewRows(streamId), [{ left_at: null, protocol: 'll-hls' }, { left_at: null }]);
  const [heartbeat] = await sql<[{ at: Date }]>`select last_seen_at as at from audience_heartbeat`;
  t.ok(clock.now() - heartbeat.at.getTime() <= 6_000, 'the heartbeat is recent');

  // The first audience crashed and is not closed: it no longer writes the views in its memory.
  await clock.advance(2_000);
  const before = await viewRows(streamId);
  await sql`update audience_heartbeat set last_seen_at = ${new Date(clock.now() - 4_000)}`;
  fixture.crash();
  await clock.advance(20_000);
  const next = await open();
  t.equal(next.viewers(streamId).total, 0);
  const found = await sql<{ left_at: Date }[]>`select left_at from livestream_viewers`;
  t.equal(found.length, 2);
  for (const { left_at } of found) t.ok(left_at.getTime() <= clock.now() - 24_000);

  t.equal(await next.admitPlaylistRequest(viewerRequest(streamId, { token }), 'll-hls'), 'invited');
  t.equal(await next.admitPlaylistRequest(viewerRequest(streamId, { token }), 'll-hls'), 'invited');
  t.equal(next.viewers(streamId).total, 1);
  const after = await viewRows(streamId);
  t.strictSame(
    after.map(({ id }) => id),
    before.map(({ id }) => id),
    'no view is stored twice',
  );
  t.match(after, [{ left_at: null, user_id: 'owner' }, { left_at: Date }]);
  t.equal(next.viewers(streamId).byProtocol['ll-hls'], 1);

  // The next restart follows an orderly close, after a long time.
  await next.close();
  t.match(await viewRows(streamId), [{ left_at: Date }, { left_at: Date }]);
  await clock.advance(10 * 60_000);
  const last = await open();
  await last.join(ANONYMOUS, viewerRequest(streamId, { token: gone.token }));
  t.match(await viewRows(streamId), [
    { left_at: Date },
    { left_at: Date },
    { left_at: null, user_id: 'root' },
  ]);
});

t.test('a token issued before its view was stored is valid after a crash', async (t) => {
  const fixture = await openAudienceFixture(t);
  const { audience, livestream, viewRows, open } = fixture;
  const streamId = await livestream();
  const { token } = await audience.join(ANONYMOUS, viewerRequest(streamId));
  fixture.crash();
  const next = await open();
  t.match(await next.join(ANONYMOUS, viewerRequest(streamId, { token })), { token, viewers: 1 });
  t.equal((await viewRows(streamId)).length, 1);
});

t.test(
  'views are stored after a database failure, and a deleted livestream does not block others',
  async (t) => {
    let away = false;
    const fixture = await openAudienceFixture(t, {}, (statement) => {
      if (away && statement.includes('insert into')) throw new Error('the database is away');
    });
    const { audience, clock, livestreams, livestream, viewRows, logLines } = fixture;
    const streamId = await livestream();
    const deletedStreamId = await livestream();
    away = true;
    const tokens = await Promise.all([1, 2, 3].map(() => audience.join(ANONYMOUS, viewerRequest(streamId))));
    await audience.join(ANONYMOUS, viewerRequest(deletedStreamId));
    await clock.advance(2_000);
    t.ok(logLines.some((line) => line.includes('retrying')));
    audience.leave(ANONYMOUS, { streamId, token: tokens[0]!.token });
    await livestreams.delete(deletedStreamId);
    away = false;
    await clock.advance(3_000);
    const stored = await viewRows(streamId);
    t.equal(stored.length, 3);
    t.equal(stored.filter(({ left_at }) => left_at !== null).length, 1);
    t.equal(audience.viewers(deletedStreamId).total, 0, 'a deleted livestream has no viewers');
  },
);

t.test('peaks are stored, and announced once a minute', async (t) => {
  const { audience, change, clock, livestreams, livestream, viewRows } = await openAudienceFixture(t);
  const streamId = await livestream();
  const peaks: number[] = [];
  const stop = audience.onPeak((peak) => {
    t.equal(peak.streamId, streamId);
    peaks.push(peak.viewers);
  });
  const holds: (() => void)[] = [];
  const join = async () => holds.push((await audience.admit(viewerRequest(streamId))).hold('whep'));
  for (let index = 0; index < 5; index++) await join();
  await clock.advance(1_000);
  for (let index = 0; index < 7; index++) await join();
  await clock.advance(30_000);
  t.strictSame(peaks, [5]);
  for (const release of holds.splice(4)) release();
  await clock.advance(30_000);
  t.strictSame(peaks, [5, 12]);
  await viewRows(streamId);
  t.equal((await livestreams.find(streamId))?.viewerCountPeak, 12);
  for (let index = 0; index < 9; index++) await join();
  change({ streamId, from: 'live', to: { name: 'offline' }, end: 'ended-by-owner' });
  t.strictSame(peaks, [5, 12, 13], 'the last minute before the end');
  await clock.advance(120_000);
  stop();
  await viewRows(streamId);
  t.equal((await livestreams.find(streamId))?.viewerCountPeak, 13);
  for (let index = 0; index < 3; index++) await join();
  await clock.advance(120_000);
  await viewRows(streamId);
  t.equal((await livestreams.find(streamId))?.viewerCountPeak, 13, 'the maximum is kept');
});

t.test('each minute is stored with its greatest number of concurrent viewers', async (t) => {
  const { audience, clock, livestream, viewRows } = await openAudienceFixture(t);
  const streamId = await livestream();
  const start = clock.now();
  const join = async (protocol: 'whep' | 'hls') =>
    (await audience.admit(viewerRequest(streamId))).hold(protocol);
  const one = await join('whep');
  await clock.advance(20_000);
  const others = [await join('hls'), await join('hls')];
  await clock.advance(20_000);
  for (const release of others) release();
  await clock.advance(60_000);
  one();
  await clock.advance(120_000);
  const two = await join('whep');
  await clock.advance(10_000);
  await viewRows(streamId);
  const history = await audience.history(streamId, new Date(start), 60);
  const minute = (index: number, total: number, whep: number, hls: number) => ({
    startedAt: start + index * 60_000,
    total,
    byProtocol: { whep, hls, 'll-hls': 0, dash: 0 },
  });
  t.strictSame(history, [minute(0, 3, 1, 2), minute(1, 1, 1, 0), minute(3, 1, 1, 0)]);
  t.strictSame(await audience.history(streamId, new Date(start), 1), [minute(3, 1, 1, 0)]);
  two();
});

t.test('repeated requests need no query', async (t) => {
  const { audience, clock, livestream, finds } = await openAudienceFixture(t);
  const streamId = await livestream();
  const unknown = newId();
  for (let index = 0; index < 100; index++) {
    await audience.admit(viewerRequest(streamId));
    await audience.admitPlaylistRequest(viewerRequest(streamId), 'hls');
    await t.rejects(audience.admit(viewerRequest(unknown)));
  }
  t.equal(finds(), 2);
  await clock.advance(1_000);
  await audience.admit(viewerRequest(streamId));
  t.equal(finds(), 3);
});

t.test('a socket that closes while it joins leaves no viewer', async (t) => {
  const { audience, join, livestream, gone } = await openAudienceFixture(t);
  const streamId = await livestream();
  const client = new FakeAudienceClient();
  const joining = join(client, streamId);
  gone(client);
  await joining;
  t.equal(audience.viewers(streamId).total, 0);
  t.equal(client.rooms.size, 0);
});

t.test('ended views are deleted after the retention, open ones stay', async (t) => {
  const { audience, sql, clock, livestream } = await openAudienceFixture(t, { keepDays: 10 });
  const streamId = await livestream();
  const at = (days: number): Date => new Date(clock.now() - days * 86_400_000);
  for (const [joined, left] of [
    [12, 11],
    [12, 9],
    [12, null],
  ] as const)
    await sql`
      insert into livestream_viewers (id, stream_id, joined_at, left_at)
      values (${newId()}, ${streamId}, ${at(joined)}, ${left === null ? null : at(left)})`;
  for (const days of [11, 9])
    await sql`
      insert into livestream_viewer_minutes (stream_id, minute, viewers, by_protocol)
      values (${streamId}, ${at(days)}, 1, '{}')`;
  await clock.advance(3_600_000);
  const left = async () => [
    (await sql`select from livestream_viewers`).count,
    (await sql`select from livestream_viewer_minutes`).count,
  ];
  await until('the old view is deleted', async () => String(await left()) === '2,1');
  t.equal((await sql`select from livestream_viewers where left_at is null`).count, 1);
  await audience.close();
});
