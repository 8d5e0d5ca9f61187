import t, { type Test } from 'tap';
import { newId } from '../../src/platform/index.js';
import { distributionOf, lowDistributionOf, Qoe, type QoeSample } from '../../src/qoe/index.js';
import type { Broadcast } from '../../src/streams/index.js';
import { FakeClock } from '../support/fakes/fake-clock.js';
import { testDatabase } from '../support/fixtures/database.js';
import { recordLog } from '../support/fixtures/log-record.js';

const PLAYED: QoeSample = {
  ...{ delivery: 'hls', playedMs: 10_000, rebuffers: 1, rebufferMs: 500, switches: 2, failures: 0 },
};

async function open(t: Test) {
  const { sql } = await testDatabase(t);
  const clock = new FakeClock();
  const qoe = new Qoe({ sql, clock, log: recordLog().log });
  t.teardown(() => qoe.close());
  const streamId = newId();
  await sql`insert into livestreams (id, title, stream_key) values (${streamId}, 'x', ${'a'.repeat(64)})`;
  const begin = async (startedAt: string) => {
    const id = newId();
    await sql`insert into broadcasts (id, stream_id, started_at, ended_at, last_seen_at)
      values (${id}, ${streamId}, ${startedAt}, now(), now())`;
    return { id, subscription: qoe.subscribe({ id, streamId } as Broadcast) };
  };
  return { sql, clock, qoe, streamId, begin };
}

t.test('reports are summed up by broadcast and delivery, over several writes', async (t) => {
  const { qoe, streamId, begin } = await open(t);
  t.equal(qoe.report(streamId, [PLAYED]), false, 'nothing is broadcast');
  const first = await begin('2026-05-01T12:00:00Z');
  qoe.report(streamId, [
    { ...PLAYED, startupMs: 400, latencyMs: 1_800 },
    { ...PLAYED, delivery: 'webrtc', fall: 'lost' },
  ]);
  await qoe.stored();
  qoe.report(streamId, [
    { ...PLAYED, startupMs: 450, failures: 3 },
    { ...PLAYED, delivery: 'webrtc', fall: 'lost' },
    { ...PLAYED, delivery: 'webrtc', fall: 'no-media' },
  ]);
  const second = await begin('2026-05-01T13:00:00Z');
  qoe.report(streamId, [PLAYED]);
  const [newer, older] = await qoe.list(streamId, 10);
  t.match(newer, { broadcastId: second.id, totals: [{ delivery: 'hls', plays: 0, playedMs: 10_000 }] });
  t.match(older, {
    broadcastId: first.id,
    totals: [
      { delivery: 'webrtc', playedMs: 30_000, falls: { lost: 2, 'no-media': 1 } },
      {
        ...{ delivery: 'hls', plays: 2, playedMs: 20_000, rebuffers: 2, rebufferMs: 1_000 },
        switches: 4,
        failures: 3,
      },
    ],
  });
  const hls = older?.totals[1];
  t.same(distributionOf(hls?.startupCounts ?? []), { count: 2, p50Ms: 400, p95Ms: 490 });
  t.same(distributionOf(hls?.latencyCounts ?? []), { count: 1, p50Ms: 1_750, p95Ms: 1_975 });
  t.equal((await qoe.list(streamId, 1)).length, 1);
});

t.test('client data of requests are summed up by broadcast, sessions once', async (t) => {
  const { qoe, streamId, begin } = await open(t);
  const said = { streamId, broadcastId: newId(), isStarved: false, isUrgent: false };
  qoe.recordCmcd(said);
  const { id: broadcastId } = await begin('2026-05-01T12:00:00Z');
  qoe.recordCmcd(said);
  const request = { ...said, broadcastId, bufferMs: 2_100, throughputKbps: 5_000 };
  qoe.recordCmcd({ ...request, session: 1, isUrgent: true });
  await qoe.stored();
  qoe.recordCmcd({ ...request, session: 1 });
  qoe.recordCmcd({ ...request, session: 2, isStarved: true });
  const [{ cmcd, totals } = { cmcd: null }] = await qoe.list(streamId, 1);
  t.same(totals, []);
  t.match(cmcd, { sessions: 2, requests: 3, starvations: 1, urgent: 1 });
  t.same(lowDistributionOf(cmcd?.bufferCounts ?? [], 'ms'), { count: 3, p5: 2_050, p50: 2_500 });
  t.same(lowDistributionOf(cmcd?.throughputCounts ?? [], 'kbps'), { count: 3, p5: 4_100, p50: 5_000 });
});

t.test(
  'failed attempts to watch are counted by minute and code, those that players report too',
  async (t) => {
    const { clock, qoe, streamId, begin } = await open(t);
    qoe.joinFailed(streamId, 'ice_failed');
    const { id } = await begin('2026-05-01T12:00:00Z');
    const range = { from: new Date(clock.now()), intervalS: 60 };
    qoe.joinFailed(streamId, 'ice_failed');
    await qoe.stored();
    qoe.joinFailed(streamId, 'ice_failed');
    await clock.advance(60_000);
    qoe.report(streamId, [{ ...PLAYED, playedMs: 0, neverPlayed: true }]);
    t.same(await qoe.listJoinFailures(id, range), [
      { index: 0, code: 'ice_failed', failures: 2 },
      { index: 1, code: 'player_hls', failures: 1 },
    ]);
  },
);

t.test('sessions that are counted are bounded', async (t) => {
  const { qoe, streamId, begin } = await open(t);
  const { id: broadcastId } = await begin('2026-05-01T12:00:00Z');
  for (let session = 0; session < 25_000; session++)
    qoe.recordCmcd({ streamId, broadcastId, session, isStarved: false, isUrgent: false });
  t.match(await qoe.list(streamId, 1), [{ cmcd: { sessions: 20_000, requests: 25_000 } }]);
});

t.test('reports still count for a minute after the end of the broadcast', async (t) => {
  const { clock, qoe, streamId, begin } = await open(t);
  const { subscription } = await begin('2026-05-01T12:00:00Z');
  await subscription.broadcastEnded('ended-by-owner');
  await clock.advance(59_000);
  t.equal(qoe.report(streamId, [PLAYED]), true);
  await clock.advance(2_000);
  t.equal(qoe.report(streamId, [PLAYED]), false);
});

t.test('sums that cannot be stored wait, together with later ones', async (t) => {
  const { sql, qoe, streamId, begin } = await open(t);
  await begin('2026-05-01T12:00:00Z');
  await sql`alter table broadcast_qoe rename to away`;
  qoe.report(streamId, [{ ...PLAYED, startupMs: 100, fall: 'loss' }]);
  const storing = qoe.stored();
  qoe.report(streamId, [{ ...PLAYED, startupMs: 100, fall: 'loss' }]);
  await storing;
  await sql`alter table away rename to broadcast_qoe`;
  const [{ totals = [] } = {}] = await qoe.list(streamId, 1);
  t.match(totals, [{ plays: 2, playedMs: 20_000, falls: { loss: 2 } }]);
});

t.test(
  'a histogram without entries has no distribution, and times above the last bound count as it',
  async (t) => {
    t.equal(distributionOf([0, 0]), undefined);
    t.same(distributionOf([...Array<number>(13).fill(0), 4]), { count: 4, p50Ms: 30_000, p95Ms: 30_000 });
  },
);
