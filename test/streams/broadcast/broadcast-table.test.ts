import t from 'tap';
import { newId, type Sql } from '../../../src/platform/index.js';
import { BroadcastTable } from '../../../src/streams/broadcast/broadcast-table.js';
import { LivestreamTable } from '../../../src/streams/livestream/livestream-table.js';
import { testDatabase } from '../../support/fixtures/database.js';

async function newStream(sql: Sql): Promise<string> {
  const id = newId();
  const streamKeyHash = id.replaceAll('-', '').padEnd(64, '0');
  const rest = { userId: null, title: 'A', description: '', recordingEnabled: false };
  await new LivestreamTable(sql).insert({ id, streamKeyHash, ...rest });
  return id;
}

t.test('an open broadcast is found after a crash with its runs and its source', async (t) => {
  const { sql } = await testDatabase(t);
  const table = new BroadcastTable(sql);
  const streamId = await newStream(sql);
  const [id, startedAt] = [newId(), new Date('2026-01-01T00:00:00.123Z')];
  await table.insert({ id, streamId, startedAt });
  t.equal(await table.nextRun(id), 0);
  t.equal(await table.nextRun(id), 1);
  const source = { protocol: 'rtmp', video: { codec: 'h264', width: 1920, height: 1080 } } as const;
  await table.saveSource(id, source);
  const lastSeenAt = new Date('2026-01-01T00:01:00Z');
  await table.touch([id, newId()], lastSeenAt);
  await table.touch([], new Date());
  t.same(await table.open(), [{ id, streamId, startedAt, lastSeenAt, runs: 2, source, ladder: null }]);
  t.ok(await table.close(id, lastSeenAt, 'found-dead'));
  t.notOk(await table.close(id, new Date(), 'ended-by-owner'), 'the first end is kept');
  t.same(await table.open(), []);
  const [row] = await sql`select end_reason, ended_at from broadcasts`;
  t.match(row, { end_reason: 'found-dead', ended_at: lastSeenAt });
});

t.test('a broadcast keeps the ladder that its livestream had at its start', async (t) => {
  const { sql } = await testDatabase(t);
  const table = new BroadcastTable(sql);
  const streamId = await newStream(sql);
  const ladder = [{ height: 480, bitrate: 900_000, frameRate: 30 }];
  await new LivestreamTable(sql).update(streamId, { ladder });
  t.strictSame(await table.insert({ id: newId(), streamId, startedAt: new Date() }), ladder);
  await new LivestreamTable(sql).update(streamId, { ladder: null });
  t.match(await table.open(), [{ ladder }]);
});

t.test('concurrent requests get distinct run indexes', async (t) => {
  const { sql } = await testDatabase(t);
  const table = new BroadcastTable(sql);
  const id = newId();
  await table.insert({ id, streamId: await newStream(sql), startedAt: new Date() });
  const given = await Promise.all(Array.from({ length: 20 }, () => table.nextRun(id)));
  t.same(
    given.toSorted((a, b) => a - b),
    Array.from({ length: 20 }, (_, index) => index),
  );
  await t.rejects(table.nextRun(newId()), { code: 'broadcast_unknown' });
});

t.test('a stream has at most one open broadcast', async (t) => {
  const { sql } = await testDatabase(t);
  const table = new BroadcastTable(sql);
  const streamId = await newStream(sql);
  const first = newId();
  await table.insert({ id: first, streamId, startedAt: new Date() });
  await t.rejects(table.insert({ id: newId(), streamId, startedAt: new Date() }), { code: '23505' });
  await table.close(first, new Date(), 'grace-expired');
  await t.resolves(table.insert({ id: newId(), streamId, startedAt: new Date() }));
});
