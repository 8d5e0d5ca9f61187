import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  truncateSync,
} from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { newId } from '../../src/platform/index.js';
import { RecordingStore } from '../../src/recordings/recording-store.js';
import {
  openRecordingsFixture,
  type RecordingsFixture,
  syntheticSegment,
} from '../support/recordings/recordings-fixture.js';
import { until } from '../support/until.js';

/** Records three segments and leaves the recording as a killed process does: claimed for no longer. */
async function abandonedRecording(fixture: RecordingsFixture, isBroadcastOver: boolean): Promise<string> {
  const live = await fixture.publish(await fixture.create());
  for (let msn = 0; msn < 3; msn++) live.feed(syntheticSegment(msn));
  const { id } = await live.untilRecording(({ durationS }) => durationS === 6);
  await fixture.sql`update recordings set claimed_by = ${newId()}, claimed_until = now() - interval '1 s' where id = ${id}`;
  if (isBroadcastOver)
    await fixture.sql`update broadcasts set ended_at = now() where id = ${live.broadcast.id}`;
  return id;
}

t.test('a recording of a process that is gone is finished once, up to its last stored segment', async (t) => {
  const fixture = await openRecordingsFixture(t);
  const id = await abandonedRecording(fixture, true);
  const file = path.join(fixture.folder, id, '720p-0.mp4');
  const wholeBytes = statSync(file).size;
  appendFileSync(file, 'half a segm');
  appendFileSync(path.join(fixture.folder, id, '720p-1.mp4'), 'a file without a row');
  const others = await Promise.all([fixture.openAnother(), fixture.openAnother()]);
  for (const { recordings } of others) recordings.start();
  await until('it is finished', () => fixture.ready.length > 0);
  t.match(await fixture.recordings.find(id), { state: 'ready', endReason: 'interrupted', durationS: 6 });
  t.equal(statSync(file).size, wholeBytes, 'bytes without a row are cut off');
  t.strictSame(readdirSync(path.join(fixture.folder, id)), ['720p-0.mp4']);
  for (const { recordings } of others) await recordings.close();
  t.equal(fixture.ready.length, 1, 'one of two gateways finishes it');
});

t.test('segments that the disk has lost are taken out of the index', async (t) => {
  const fixture = await openRecordingsFixture(t);
  const id = await abandonedRecording(fixture, true);
  const file = path.join(fixture.folder, id, '720p-0.mp4');
  truncateSync(file, statSync(file).size - 10);
  (await fixture.openAnother()).recordings.start();
  await until('it is finished', () => fixture.ready.length > 0);
  t.match(await fixture.recordings.find(id), { state: 'ready', durationS: 4 });
});

t.test('a recording that is claimed, or whose broadcast is open, is left alone', async (t) => {
  const fixture = await openRecordingsFixture(t);
  const open = await abandonedRecording(fixture, false);
  const claimed = await abandonedRecording(fixture, true);
  await fixture.sql`update recordings set claimed_until = now() + interval '1 h' where id = ${claimed}`;
  const over = await abandonedRecording(fixture, true);
  (await fixture.openAnother()).recordings.start();
  await until('the third is finished', () => fixture.ready.some(({ id }) => id === over));
  for (const id of [open, claimed]) t.match(await fixture.recordings.find(id), { state: 'recording' });
});

t.test('recordings that cannot be finished yet do not hide the ones behind them', async (t) => {
  const fixture = await openRecordingsFixture(t);
  const open = await abandonedRecording(fixture, false);
  await fixture.sql`
    insert into recordings select (jsonb_populate_record(recordings,
      jsonb_build_object('id', '00000000-0000-4000-8000-' || lpad(n::text, 12, '0'), 'purpose', 'rewind'))).*
    from recordings, generate_series(1, 20) n where id = ${open}`;
  const [stuck, over] = [await abandonedRecording(fixture, true), await abandonedRecording(fixture, true)];
  await fixture.sql.unsafe(`
    create function check_end() returns trigger language plpgsql as $$ begin raise 'cannot be finished'; end $$;
    create trigger check_end before update of state on recordings for each row when (new.id = '${stuck}')
      execute function check_end()`);
  (await fixture.openAnother()).recordings.start();
  await until('the last one is finished', () => fixture.ready.some(({ id }) => id === over));
  for (const id of [open, stuck]) t.match(await fixture.recordings.find(id), { state: 'recording' });
});

t.test('a gateway with another folder leaves recordings and unknown files alone', async (t) => {
  const fixture = await openRecordingsFixture(t);
  const id = await abandonedRecording(fixture, true);
  const folder = t.testdir();
  const unknown = path.join(folder, newId());
  mkdirSync(unknown);
  const elsewhere = await fixture.openAnother({ folder });
  elsewhere.recordings.start();
  const live = await fixture.publish(await fixture.create());
  live.feed(syntheticSegment(0));
  await live.untilRecording(({ durationS }) => durationS > 0);
  await elsewhere.recordings.close();
  t.match(await fixture.recordings.find(id), { state: 'recording' });
  t.ok(existsSync(path.join(fixture.folder, id)));
  t.ok(existsSync(unknown));
});

t.test(
  'files are deleted with their livestream, at the end of their retention, and by their owner',
  async (t) => {
    const fixture = await openRecordingsFixture(t, { keepDays: 30 });
    fixture.recordings.start();
    const record = async (): Promise<{ id: string; streamId: string; at: string }> => {
      const streamId = await fixture.create();
      const live = await fixture.publish(streamId);
      live.feed(syntheticSegment(0));
      const { id } = await live.untilRecording(({ durationS }) => durationS > 0);
      await fixture.streams.endLivestream(streamId, 'ended-by-owner');
      return { id, streamId, at: path.join(fixture.folder, id) };
    };
    const [withStream, old, removed, kept] = [await record(), await record(), await record(), await record()];
    t.ok([withStream, old, removed, kept].every(({ at }) => existsSync(at)));
    t.equal(await fixture.streams.remove(withStream.streamId), 'removed');
    const stored = (await fixture.recordings.find(removed.id))!;
    t.match(await fixture.livestreams.find(removed.streamId), {
      recordingUrl: `recordings/${removed.id}/index.m3u8`,
    });
    t.equal(await fixture.recordings.remove(stored), true);
    t.match(await fixture.livestreams.find(removed.streamId), { recordingUrl: null });
    for (const { at } of [withStream, removed]) await until('its files are deleted', () => !existsSync(at));
    await fixture.sql`update recordings set ended_at = now() - interval '31 days' where id = ${old.id}`;
    (await fixture.openAnother({ keepDays: 30 })).recordings.start();
    await until('the old one is deleted', () => !existsSync(old.at));
    for (const { id } of [withStream, old, removed])
      await until('its row is deleted', async () => (await fixture.recordings.find(id)) === undefined);
    t.ok(existsSync(kept.at));
  },
);

t.test(
  'a recording of weeks is deleted in steps, and one that cannot be deleted keeps no other',
  async (t) => {
    const fixture = await openRecordingsFixture(t);
    const [stuck, long] = [await abandonedRecording(fixture, true), await abandonedRecording(fixture, true)];
    await fixture.sql`
    insert into recording_segments select s.recording_id, s.file_number, s.msn + n, s.byte_offset, s.byte_length, s.fragments,
      s.duration_s, s.decode_time_s, s.program_date_time
    from recording_segments s, generate_series(3, 50000) n where s.recording_id = ${long} and s.msn = 0`;
    await fixture.sql`update recordings set state = 'deleting', claimed_until = null, claimed_by = null`;
    await fixture.sql.unsafe(`
    create function check_deletion() returns trigger language plpgsql as $$ begin
      if (select count(*) from deleted) > 20000 then raise 'too many'; end if;
      if exists (select from deleted where recording_id = '${stuck}') then raise 'cannot be deleted'; end if;
      return null;
    end $$;
    create trigger check_deletion after delete on recording_segments
      referencing old table as deleted for each statement execute function check_deletion()`);
    (await fixture.openAnother()).recordings.start();
    const left = async (): Promise<string[]> =>
      (await fixture.sql<{ id: string }[]>`select id from recordings`).map(({ id }) => id);
    await until('the long one is deleted', async () => !(await left()).includes(long));
    t.strictSame(await left(), [stuck]);
  },
);

t.test('paths outside of the folder and symbolic links are refused', async (t) => {
  const folder = t.testdir({ secret: 'a secret' });
  const store = await RecordingStore.open(path.join(folder, 'recordings'));
  const id = newId();
  await store.createFolder(id);
  symlinkSync(path.join(folder, 'secret'), path.join(folder, 'recordings', id, '720p-0.mp4'));
  await t.rejects(store.openFile(id, '720p', 0), { code: 'ELOOP' });
  for (const recordingId of ['..', '../..', `${id}/..`, ''])
    await t.rejects(store.openFile(recordingId, '720p', 0), { code: 'recording_path_invalid' });
  for (const rendition of ['..', '../../secret', 'a/b', '', '720p\0'])
    await t.rejects(store.openFile(id, rendition, 0), { code: 'recording_path_invalid' });
  for (const run of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])
    await t.rejects(store.openFile(id, '720p', run), { code: 'recording_path_invalid' });
  const again = await RecordingStore.open(path.join(folder, 'recordings'));
  t.equal(again.id, store.id, 'the folder keeps its id');
  await t.rejects(RecordingStore.open(path.join(folder, 'secret')), { code: 'recordings_dir_unusable' });
});
