import { createHash } from 'node:crypto';
import t from 'tap';
import { newId } from '../../src/platform/index.js';
import { LivestreamTable, type NewLivestream } from '../../src/streams/livestream-table.js';
import { testDatabase } from '../support/database.js';

function newLivestream(over: Partial<NewLivestream> = {}): NewLivestream {
  const id = newId();
  return {
    id,
    userId: 'user 1',
    title: 'A title',
    description: 'Words',
    recordingEnabled: false,
    streamKeyHash: createHash('sha256').update(id).digest('hex'),
    ...over,
  };
}

t.test('a livestream is found by its id and by the hash of its key, and never shows the key', async (t) => {
  const { sql } = await testDatabase(t);
  const table = new LivestreamTable(sql);
  const livestream = newLivestream({ recordingEnabled: true });
  const inserted = await table.insert(livestream);
  t.match(inserted, { id: livestream.id, userId: 'user 1', status: 'scheduled', recordingEnabled: true });
  t.ok(inserted.createdAt instanceof Date);
  t.equal(inserted.startedAt, null);
  t.same(await table.find(livestream.id), inserted);
  t.same(await table.findByStreamKeyHash(livestream.streamKeyHash), inserted);
  t.notMatch(JSON.stringify(inserted), livestream.streamKeyHash);
  t.equal(await table.find(newId()), undefined);
  t.equal(await table.findByStreamKeyHash('0'.repeat(64)), undefined);
});

t.test('texts with SQL in them are kept as texts', async (t) => {
  const { sql } = await testDatabase(t);
  const table = new LivestreamTable(sql);
  const title = `'); drop table livestreams; -- $1 \\ %s "x" \u{1f600}`;
  const { id } = await table.insert(newLivestream({ title, description: title, userId: title }));
  t.match(await table.find(id), { title, description: title, userId: title });
});

t.test('a key belongs to one livestream', async (t) => {
  const { sql } = await testDatabase(t);
  const table = new LivestreamTable(sql);
  const first = newLivestream();
  await table.insert(first);
  await t.rejects(table.insert(newLivestream({ streamKeyHash: first.streamKeyHash })), { code: '23505' });
});

t.test('only what is live is listed, the newest first, page by page', async (t) => {
  const { sql } = await testDatabase(t);
  const table = new LivestreamTable(sql);
  const ids: string[] = [];
  for (let minute = 0; minute < 5; minute++) {
    const { id } = await table.insert(newLivestream());
    await table.markLive(id, new Date(Date.UTC(2026, 0, 1, 0, minute)));
    ids.unshift(id);
  }
  await table.insert(newLivestream());
  await table.markEnded(ids[0]!, new Date(), 'grace-expired');
  const listed = await table.listActive({ limit: 2, offset: 1 });
  t.same(
    listed.map((livestream) => livestream.id),
    ids.slice(2, 4),
  );
  t.equal((await table.listActive({ limit: 100, offset: 0 })).length, 4);
  t.same(await table.listActive({ limit: 10, offset: 99 }), []);
});

t.test('a stream that ended by itself may go live again; one that was ended for good may not', async (t) => {
  const { sql } = await testDatabase(t);
  const table = new LivestreamTable(sql);
  const { id } = await table.insert(newLivestream());
  const at = new Date('2026-01-01T00:00:00Z');
  t.ok(await table.markLive(id, at));
  t.match(await table.find(id), { status: 'live', startedAt: at, endedAt: null });
  t.ok(await table.markEnded(id, at, 'grace-expired'));
  t.ok(await table.markLive(id, at), 'the publisher came back');
  t.match(await table.find(id), { status: 'live', endedAt: null, endReason: null });
  t.ok(await table.markEnded(id, at, 'ended-by-owner'));
  t.notOk(await table.markEnded(id, new Date(), 'found-dead'), 'the end for good stands');
  t.notOk(await table.markLive(id, at));
  t.match(await table.find(id), { status: 'ended', endReason: 'ended-by-owner', endedAt: at });
  t.notOk(await table.markLive(newId(), at), 'an unknown stream');
});

t.test('streams that pass for live without an open broadcast are ended', async (t) => {
  const { sql } = await testDatabase(t);
  const table = new LivestreamTable(sql);
  const ghost = await table.insert(newLivestream());
  const real = await table.insert(newLivestream());
  for (const { id } of [ghost, real]) await table.markLive(id, new Date());
  await sql`insert into broadcasts (id, stream_id, started_at, last_seen_at)
    values (${newId()}, ${real.id}, now(), now())`;
  t.same(await table.endGhosts(new Date(), 'found-dead'), [ghost.id]);
  t.match(await table.find(ghost.id), { status: 'ended', endReason: 'found-dead' });
  t.match(await table.find(real.id), { status: 'live' });
});

t.test('the peak of viewers only rises', async (t) => {
  const { sql } = await testDatabase(t);
  const table = new LivestreamTable(sql);
  const { id } = await table.insert(newLivestream());
  for (const viewers of [3, 7, 5]) await table.raiseViewerCountPeak(id, viewers);
  await table.setRecordingUrl(id, 'https://example.test/r.mp4');
  t.match(await table.find(id), { viewerCountPeak: 7, recordingUrl: 'https://example.test/r.mp4' });
});

t.test('the tables have the columns and indexes that the platform names', async (t) => {
  const { sql } = await testDatabase(t);
  const columns = await sql<{ table: string; names: string }[]>`
    select table_name as "table", string_agg(column_name, ' ' order by ordinal_position) as names
    from information_schema.columns where table_schema = 'public' group by 1 order by 1`;
  t.match(Object.fromEntries(columns.map(({ table, names }) => [table, names])), {
    livestreams:
      'id user_id title description stream_key status started_at ended_at end_reason viewer_count_peak recording_enabled recording_url thumbnail_url created_at',
    livestream_viewers: 'id stream_id user_id joined_at left_at',
    livestream_chat: 'id stream_id user_id message created_at',
  });
  const indexed = await sql<{ column: string }[]>`
    select c.relname || '.' || a.attname as column from pg_index i
    join pg_class c on c.oid = i.indrelid join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
    where c.relnamespace = 'public'::regnamespace`;
  const names = new Set(indexed.map(({ column }) => column));
  const wanted =
    'livestreams.user_id livestreams.status livestream_viewers.stream_id livestream_viewers.user_id livestream_chat.stream_id livestream_chat.user_id';
  for (const name of wanted.split(' ')) t.ok(names.has(name), name);
});
