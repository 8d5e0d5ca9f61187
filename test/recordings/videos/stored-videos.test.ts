import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { createLog, migrate, newId, projectRoot } from '../../../src/platform/index.js';
import { RecordingStore } from '../../../src/recordings/recording-store.js';
import { SegmentTable } from '../../../src/recordings/segment-table.js';
import { StoredVideos } from '../../../src/recordings/videos/stored-videos.js';
import { testDatabase } from '../../support/fixtures/database.js';

t.test('videos of earlier releases become recordings, and their files move beside them', async (t) => {
  const { sql } = await testDatabase(t, { migrated: false });
  const [folder, log] = [path.join(projectRoot(), 'migrations'), createLog('silent')];
  await migrate(sql, { folder, to: 22 }, log);
  const files = t.testdir();
  const former = path.join(files, 'videos');
  const [id, unfinished, formerId] = [newId(), newId(), (await RecordingStore.open(former)).id];
  const createdAt = new Date(Date.UTC(2026, 0, 1));
  await sql`
    insert into videos (id, user_id, title, visibility, state, store_id, upload_bytes, size_bytes, duration_s, created_at)
    values (${id}, 'ada', 'A film', 'public', 'ready', ${formerId}, 9, 640, 5.5, ${createdAt}),
      (${unfinished}, 'ada', 'Another', 'public', 'queued', ${formerId}, 9, 0, null, ${createdAt})`;
  await sql`
    insert into video_files (video_id, number, rendition, kind, codec, width, height, frame_rate, channels, init_bytes,
      byte_lengths, fragments, durations_s, decode_times_s)
    values (${id}, 0, '360p', 'video', 'avc1.64001e', 640, 360, 30, null, 100, ${[200, 240]}, ${[1, 1]}, ${[4, 1.5]}, ${[10, 14]}),
      (${id}, 1, 'audio', 'audio', 'mp4a.40.2', null, null, null, 2, 50, ${[30, 20]}, ${[2, 1]}, ${[4, 1.5]}, ${[10, 14]})`;
  mkdirSync(path.join(former, id));
  writeFileSync(path.join(former, id, '360p-0.mp4'), 'media');
  await migrate(sql, { folder }, log);

  const store = await RecordingStore.open(files);
  const segments = new SegmentTable(sql);
  const videos = new StoredVideos({
    ...{ sql, segments, store, log, replays: { open: async () => undefined, forget() {} } },
    ...{ deleteMarked() {}, finished() {} },
  });
  t.equal(await videos.adopt(former), formerId);
  t.ok(existsSync(path.join(files, id, '360p-0.mp4')));
  t.notOk(existsSync(path.join(former, id)));
  t.equal(await videos.adopt(former), formerId, 'may be repeated');
  const rows = await sql`
    select id, user_id, title, purpose, state, store_id, size_bytes::int as size, duration_s from recordings`;
  t.same(rows, [
    {
      ...{ id, user_id: 'ada', title: 'A film', purpose: 'video', state: 'ready', store_id: store.id },
      ...{ size: 640, duration_s: 5.5 },
    },
  ]);
  t.match(await segments.listFiles(id), [
    { rendition: '360p', run: 0, width: 640, initBytes: 100 },
    { rendition: 'audio', channels: 2 },
  ]);
  t.match(
    (await segments.listSegments(id, 9)).map(({ msn, byteOffset, decodeTimeS, programDateTimeMs }) => [
      ...[msn, byteOffset, decodeTimeS, programDateTimeMs - createdAt.getTime()],
    ]),
    [
      [0, 100, 10, 0],
      [0, 50, 10, 0],
      [1, 300, 14, 4_000],
      [1, 80, 14, 4_000],
    ],
  );
  t.equal(await migrate(sql, { folder, to: 22 }, log), -1);
  const [row] = await sql`select byte_lengths from video_files where video_id = ${id} and number = 0`;
  t.same(row?.byte_lengths, [200, 240]);
});
