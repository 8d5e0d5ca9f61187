import { createHash } from 'node:crypto';
import t from 'tap';
import { newId } from '../../../src/platform/index.js';
import { LivestreamInviteeTable } from '../../../src/streams/livestream/livestream-invitee-table.js';
import { LivestreamTable, type NewLivestream } from '../../../src/streams/livestream/livestream-table.js';
import { testDatabase } from '../../support/fixtures/database.js';

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

t.test('a livestream is found by its id and never contains its key', async (t) => {
  const { sql } = await testDatabase(t);
  const table = new LivestreamTable(sql);
  const livestream = newLivestream({ recordingEnabled: true });
  const inserted = await table.insert(livestream);
  t.match(inserted, { id: livestream.id, userId: 'user 1', status: 'scheduled', recordingEnabled: true });
  t.ok(inserted.createdAt instanceof Date);
  t.equal(inserted.startedAt, null);
  t.same(await table.find(livestream.id), inserted);
  t.notMatch(JSON.stringify(inserted), livestream.streamKeyHash);
  t.equal(await table.find(newId()), undefined);
});

t.test('texts with SQL are stored as text', async (t) => {
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

t.test('only live livestreams are listed, newest first and in pages', async (t) => {
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

t.test('a stream that ended by itself can go live again, and one that its owner ended cannot', async (t) => {
  const { sql } = await testDatabase(t);
  const table = new LivestreamTable(sql);
  const { id } = await table.insert(newLivestream());
  const at = new Date('2026-01-01T00:00:00Z');
  t.ok(await table.markLive(id, at));
  t.match(await table.find(id), { status: 'live', startedAt: at, endedAt: null });
  t.ok(await table.markEnded(id, at, 'grace-expired'));
  t.ok(await table.markLive(id, at), 'the publisher reconnected');
  t.match(await table.find(id), { status: 'live', endedAt: null, endReason: null });
  t.ok(await table.markEnded(id, at, 'ended-by-owner'));
  t.notOk(await table.markEnded(id, new Date(), 'found-dead'), 'the end by the owner is kept');
  t.notOk(await table.markLive(id, at));
  t.match(await table.find(id), { status: 'ended', endReason: 'ended-by-owner', endedAt: at });
  t.notOk(await table.markLive(newId(), at), 'an unknown stream');
});

t.test('live streams without an open broadcast are ended', async (t) => {
  const { sql } = await testDatabase(t);
  const table = new LivestreamTable(sql);
  const withoutBroadcast = await table.insert(newLivestream());
  const withBroadcast = await table.insert(newLivestream());
  for (const { id } of [withoutBroadcast, withBroadcast]) await table.markLive(id, new Date());
  await sql`insert into broadcasts (id, stream_id, started_at, last_seen_at)
    values (${newId()}, ${withBroadcast.id}, now(), now())`;
  t.same(await table.endWithoutBroadcast(new Date(), 'found-dead'), [withoutBroadcast.id]);
  t.match(await table.find(withoutBroadcast.id), { status: 'ended', endReason: 'found-dead' });
  t.match(await table.find(withBroadcast.id), { status: 'live' });
});

t.test('the viewer peak only increases', async (t) => {
  const { sql } = await testDatabase(t);
  const table = new LivestreamTable(sql);
  const { id } = await table.insert(newLivestream());
  for (const viewers of [3, 7, 5]) await table.raiseViewerCountPeak(id, viewers);
  t.match(await table.find(id), { viewerCountPeak: 7 });
});

t.test('an update changes the given fields only', async (t) => {
  const { sql } = await testDatabase(t);
  const table = new LivestreamTable(sql);
  const scheduledAt = new Date('2026-02-01T20:00:00Z');
  const { id } = await table.insert(newLivestream({ scheduledAt, visibility: 'unlisted', viewerLimit: 5 }));
  t.match(await table.find(id), { scheduledAt, visibility: 'unlisted', viewerLimit: 5 });
  const changes = { title: `'"; --`, viewerLimit: null, recordingUrl: 'https://example.test/r.mp4' };
  const edited = await table.update(id, changes);
  t.match(edited, { ...changes, description: 'Words', scheduledAt, visibility: 'unlisted' });
  t.same(await table.update(id, {}), edited);
  t.same(await table.find(id), edited);
  t.equal(await table.update(newId(), { title: 'x' }), undefined);
});

t.test('a livestream is inserted and deleted with its invitees', async (t) => {
  const { sql } = await testDatabase(t);
  const table = new LivestreamTable(sql);
  const invitees = new LivestreamInviteeTable(sql);
  const { id } = await table.insert(newLivestream({ invitees: ['u1', 'u2', 'u1'] }));
  const page = { limit: 10, offset: 0 };
  t.same((await invitees.list(id, page)).map(({ userId }) => userId).sort(), ['u1', 'u2']);
  await invitees.insert(id, 'u3');
  await invitees.insert(id, 'u3');
  t.equal(await invitees.count(id), 3);
  t.same([await invitees.has(id, 'u3'), await invitees.has(id, 'u4')], [true, false]);
  t.same([await invitees.delete(id, 'u3'), await invitees.delete(id, 'u3')], [true, false]);
  t.equal(await table.delete(id), true);
  t.equal(await invitees.count(id), 0, 'its invitees are deleted');
  t.equal(await table.delete(id), false);
});

t.test('public lists have public livestreams only, and users see all of their own', async (t) => {
  const { sql } = await testDatabase(t);
  const table = new LivestreamTable(sql);
  const page = { limit: 10, offset: 0 };
  const ids: Record<string, string> = {};
  for (const visibility of ['public', 'unlisted', 'private'] as const) {
    const { id } = await table.insert(newLivestream({ visibility }));
    await table.markLive(id, new Date());
    ids[visibility] = id;
  }
  await table.insert(newLivestream({ userId: 'user 2' }));
  t.same(
    (await table.listActive(page)).map(({ id }) => id),
    [ids.public],
  );
  t.same(
    (await table.listByUser('user 1', page, 'public')).map(({ id }) => id),
    [ids.public],
  );
  t.same(
    (await table.listByUser('user 1', page, 'all')).map(({ id }) => id),
    [ids.private, ids.unlisted, ids.public],
    'newest first',
  );
  t.equal((await table.listByUser('user 1', { limit: 1, offset: 1 }, 'all'))[0]?.id, ids.unlisted);
  t.same(await table.listByUser('nobody', page, 'all'), []);
});

t.test('upcoming livestreams are listed by date until they start', async (t) => {
  const { sql } = await testDatabase(t);
  const table = new LivestreamTable(sql);
  const at = (hour: number): Date => new Date(Date.UTC(2026, 0, 1, hour));
  const insert = async (over: Partial<NewLivestream>) => (await table.insert(newLivestream(over))).id;
  const late = await insert({ scheduledAt: at(23) });
  const soon = await insert({ scheduledAt: at(20) });
  const past = await insert({ scheduledAt: at(10) });
  await insert({ scheduledAt: at(21), visibility: 'unlisted' });
  await insert({});
  const upcoming = async () =>
    (await table.listUpcoming(at(12), { limit: 10, offset: 0 })).map(({ id }) => id);
  t.same(await upcoming(), [soon, late]);
  t.notOk((await upcoming()).includes(past));
  t.equal(await table.markStarted(soon, at(20)), true);
  t.match(await table.find(soon), { status: 'scheduled', startedAt: at(20) }, 'not live without media');
  t.equal(await table.markStarted(soon, at(21)), false, 'it was started already');
  t.same(await upcoming(), [late]);
  t.ok(await table.markLive(soon, at(22)));
  t.equal(await table.markStarted(soon, at(23)), false, 'it is live');
  t.match(await table.find(soon), { status: 'live', startedAt: at(22) });
  await table.markEnded(soon, at(23), 'grace-expired');
  t.equal(await table.markStarted(soon, at(24)), true, 'it ended by itself');
  t.match(await table.find(soon), { status: 'scheduled', endedAt: null, endReason: null });
  await table.markEnded(soon, at(25), 'ended-by-owner');
  t.equal(await table.markStarted(soon, at(26)), false, 'its owner ended it');
});

t.test('the tables have the columns and indexes that the host platform specifies', async (t) => {
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
