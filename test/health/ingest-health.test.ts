import t, { type Test } from 'tap';
import { type AudioMeter, IngestHealth } from '../../src/health/index.js';
import { BoundedCalls, newId, systemClock } from '../../src/platform/index.js';
import { BroadcastTable } from '../../src/streams/broadcast/broadcast-table.js';
import { type Broadcast, Livestreams } from '../../src/streams/index.js';
import { FakeBroadcast, FakeSource } from '../support/fakes/fake-broadcast.js';
import { FakeClock } from '../support/fakes/fake-clock.js';
import { testDatabase } from '../support/fixtures/database.js';
import { recordLog } from '../support/fixtures/log-record.js';
import { until } from '../support/until.js';

async function openHealth(t: Test) {
  const { sql } = await testDatabase(t);
  const clock = new FakeClock();
  const { log } = recordLog();
  const livestreams = new Livestreams({ sql, clock });
  const { id: streamId } = await livestreams.create({
    ...{ userId: 'anna', title: 'A test', description: '', streamKeyHash: 'ab'.repeat(32) },
    recordingEnabled: false,
  });
  const id = newId();
  await new BroadcastTable(sql).insert({ id, streamId, startedAt: new Date(clock.now()) });
  const meters: {
    report(level: { levelDb: number; peakDb: number }): void;
    close(): void;
    isOpen: boolean;
  }[] = [];
  const open = (): IngestHealth =>
    new IngestHealth({
      ...{ sql, clock, log },
      notices: () => [],
      openAudioMeter: (_source, report): AudioMeter => {
        let end = (): void => {};
        const closed = new Promise<void>((resolve) => {
          end = resolve;
        });
        const meter = {
          report,
          isOpen: true,
          close: () => {
            meter.isOpen = false;
            end();
          },
        };
        meters.push(meter);
        return { closed, close: meter.close };
      },
      calls: new BoundedCalls({ clock: systemClock, timeoutMs: 10_000 }),
    });
  const broadcast = (resumed: boolean): Broadcast =>
    Object.assign(new FakeBroadcast(clock), { id, streamId, resumed, startedAt: clock.now() });
  return { sql, clock, streamId, open, broadcast, meters };
}

const H264 = { protocol: 'rtmp', video: { codec: 'h264', bFrames: true } } as const;

t.test('a broadcast that is resumed after a restart keeps its findings, which ended with it', async (t) => {
  const { sql, clock, streamId, open, broadcast } = await openHealth(t);
  const before = open();
  before.subscribe(broadcast(false)).publicationStarted?.(new FakeSource(H264));
  await clock.advance(1_000);
  t.match((await before.read(streamId)).findings, [{ code: 'b-frames', until: null }]);
  await until('it is stored', async () => (await sql`select 1 from broadcast_findings`).length === 1);

  const after = open();
  t.match(
    (await after.read(streamId)).findings,
    [{ code: 'b-frames', until: null }],
    'as another gateway sees it',
  );
  const subscription = after.subscribe(broadcast(true));
  const restored = await until('they are read', async () => {
    const { findings } = await after.read(streamId);
    return findings.length > 0 && findings;
  });
  t.match(restored, [{ code: 'b-frames', until: Number, occurrences: 1 }]);
  subscription.publicationStarted?.(new FakeSource(H264));
  await clock.advance(1_000);
  t.match((await after.read(streamId)).findings, [{ code: 'b-frames', until: null, occurrences: 2 }]);
  await before.close();
  await after.close();
});

t.test(
  'sound is decoded from a request until 20 s after the last one, for four broadcasts at most',
  async (t) => {
    const { clock, streamId, open, broadcast, meters } = await openHealth(t);
    const health = open();
    const source = new FakeSource(H264);
    health.subscribe(broadcast(false)).publicationStarted?.(source);
    await clock.advance(5_000);
    t.equal(meters.length, 0, 'nobody asks');
    await health.read(streamId);
    t.equal(meters.length, 1);
    meters[0]?.report({ levelDb: -30, peakDb: -12 });
    await clock.advance(15_000);
    t.equal((await health.read(streamId)).series.audioLevel.at(-1), -30);
    await clock.advance(19_000);
    t.equal(meters[0]?.isOpen, true);
    await clock.advance(1_000);
    t.equal(meters[0]?.isOpen, false);
    await clock.advance(1_000);
    await health.read(streamId);
    t.equal(meters.length, 2, 'the next request starts another');
    for (let other = 0; other < 5; other++) {
      const further = Object.assign(new FakeBroadcast(clock), { streamId: `other ${other}` });
      health.subscribe(further).publicationStarted?.(new FakeSource(H264));
      await health.read(`other ${other}`);
    }
    t.equal(meters.filter(({ isOpen }) => isOpen).length, 4);
    await health.close();
    t.equal(meters.filter(({ isOpen }) => isOpen).length, 0);
  },
);
