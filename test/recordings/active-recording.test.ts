import t, { type Test } from 'tap';
import { createLog, newId, systemClock } from '../../src/platform/index.js';
import { ActiveRecording, type RecordingContext } from '../../src/recordings/active-recording.js';
import type { Recording, RecordingEnd } from '../../src/recordings/index.js';
import { RecordingStore } from '../../src/recordings/recording-store.js';
import { RecordingTable } from '../../src/recordings/recording-table.js';
import { SegmentNumbering } from '../../src/recordings/segment-numbering.js';
import { SegmentTable } from '../../src/recordings/segment-table.js';
import { WriteSlots } from '../../src/recordings/write-slots.js';
import { testDatabase } from '../support/fixtures/database.js';
import { syntheticSegment } from '../support/recordings/recordings-fixture.js';
import { until } from '../support/until.js';

const MIB = 2 ** 20;

async function openActive(t: Test) {
  const { sql } = await testDatabase(t);
  const store = await RecordingStore.open(t.testdir());
  const lifetime = new AbortController();
  const context: RecordingContext = {
    ...{ table: new RecordingTable(sql), segments: new SegmentTable(sql), store },
    ...{ slots: new WriteSlots(2), claimant: newId(), clock: systemClock, log: createLog('silent') },
    signal: lifetime.signal,
  };
  const row = {
    ...{ id: newId(), streamId: null, broadcastId: newId(), userId: null },
    ...{
      purpose: 'recording' as const,
      renditions: 'all' as const,
      storeId: store.id,
      startedAt: new Date(),
    },
  };
  await context.table.insert(row, context.claimant);
  const recording = (await context.table.find(row.id)) as Recording;
  const failures: RecordingEnd[] = [];
  let dropped = 0;
  const active = new ActiveRecording(
    recording,
    { msn: 0, fileNumber: 0, numbering: new SegmentNumbering() },
    context,
    {
      failed: (reason) => void failures.push(reason),
      dropped: () => dropped++,
    },
  );
  t.teardown(() => lifetime.abort());
  const stored = async (): Promise<number[]> => {
    const rows = await sql<{ msn: number }[]>`
      select msn from recording_segments where recording_id = ${row.id} order by msn`;
    return rows.map(({ msn }) => msn);
  };
  return { sql, context, active, id: row.id, failures, stored, drops: () => dropped };
}

t.test('segments beyond the queue of a slow disk are dropped, counted and not waited for', async (t) => {
  const { context, active, id, stored, drops } = await openActive(t);
  let release: () => void = () => {};
  const blocked = new Promise<void>((resolve) => {
    release = resolve;
  });
  // Both slots are busy: the disk does not answer.
  const busy = [context.slots.run(() => blocked), context.slots.run(() => blocked)];
  const before = performance.now();
  for (let msn = 0; msn < 80; msn++) active.add(syntheticSegment(msn, { sizeBytes: MIB }));
  t.ok(performance.now() - before < 5_000);
  const queued = 80 - drops();
  t.equal(queued, 64, 'at most 64 MiB wait');
  release();
  await Promise.all(busy);
  await until('what was queued is stored', async () => (await stored()).length === queued);
  active.add(syntheticSegment(99));
  const ended = await active.close('stopped');
  t.match(ended, { id, state: 'ready', droppedSegments: 16, durationS: 130 });
  t.strictSame(await stored(), [...Array(64).keys(), 99]);
});

t.test('segments go on to the disk while the database is away, and their rows follow', async (t) => {
  const { sql, active, id, stored } = await openActive(t);
  await sql`alter table recording_segments rename to away`;
  for (let msn = 0; msn < 3; msn++) active.add(syntheticSegment(msn));
  await new Promise((resolve) => setTimeout(resolve, 400));
  for (let msn = 3; msn < 6; msn++) active.add(syntheticSegment(msn));
  await sql`alter table away rename to recording_segments`;
  await until('all rows are stored', async () => (await stored()).length === 6);
  t.match(await active.close('broadcast-ended'), { id, state: 'ready', durationS: 12 });
});

t.test('a process that has lost its claim stores nothing more', async (t) => {
  const { context, active, id, failures, stored } = await openActive(t);
  active.add(syntheticSegment(0));
  await until('the first segment is stored', async () => (await stored()).length === 1);
  const [{ broadcastId } = { broadcastId: '' }] = [active.recording];
  await context.table.takeOver(broadcastId, newId());
  active.add(syntheticSegment(1));
  t.equal(await active.close('stopped'), undefined, 'it does not end the recording');
  t.strictSame(await stored(), [0]);
  t.match(await context.table.find(id), { state: 'recording' });
  t.strictSame(failures, []);
});

t.test('a recording without a segment fails; one whose folder is gone ends with what it has', async (t) => {
  const { active } = await openActive(t);
  t.match(await active.close('stopped'), { state: 'failed', durationS: 0 });
  const other = await openActive(t);
  other.active.add(syntheticSegment(0));
  await until('a segment is stored', async () => (await other.stored()).length === 1);
  await other.context.store.delete(other.id);
  other.active.add(syntheticSegment(1, { run: 1 }));
  await until('it has failed', () => other.failures.length > 0);
  t.strictSame(other.failures, ['disk-failed']);
  t.match(await other.active.close('disk-failed'), {
    state: 'ready',
    durationS: 2,
    endReason: 'disk-failed',
  });
});
