import { writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { createLog, newId } from '../../src/platform/index.js';
import type { StoredVideos } from '../../src/recordings/index.js';
import { Videos } from '../../src/videos/index.js';
import { VideoTable } from '../../src/videos/video-table.js';
import { FakeClock } from '../support/fakes/fake-clock.js';
import { testDatabase } from '../support/fixtures/database.js';
import { until } from '../support/until.js';

t.test('uploads in progress of all accounts are reserved on the disk', async (t) => {
  const { sql } = await testDatabase(t);
  const folder = t.testdir();
  let freeBytes = 1_000;
  const videos = new Videos({
    ...{ sql, folder, clock: new FakeClock(), log: createLog('silent'), isBusy: () => false },
    ...{ maxUploadBytes: 10_000, maxUploads: 3, quotaBytes: 0, minimumFreeBytes: 100 },
    media: { store: { id: newId(), freeBytes: async () => freeBytes } } as unknown as StoredVideos,
    replays: { findVideo: async () => undefined },
    furtherUsage: async () => 0,
    transcoding: () => t.fail('nothing is transcoded') as never,
  });
  const announce = (userId: string, uploadBytes: number): Promise<string> =>
    videos.announceUpload({ userId, title: 'A film', visibility: 'private', uploadBytes });
  const refusal = { status: 507, code: 'storage_disk_low' };
  await t.rejects(announce('ada', 901), refusal);
  const id = await announce('ada', 600);
  await t.rejects(announce('boris', 301), refusal, 'what another has announced is not free');
  writeFileSync(path.join(folder, 'uploads', id), Buffer.alloc(400));
  freeBytes -= 400;
  await t.rejects(announce('boris', 301), refusal, 'nor what has arrived');
  const outcomes = await Promise.allSettled([announce('boris', 200), announce('carol', 200)]);
  t.same(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected'], 'one after the other');
  await sql`update videos set state = 'deleting'`;
  await announce('boris', 500);
});

t.test('an upload that is complete is queued, although nobody could say so when it ended', async (t) => {
  const { sql } = await testDatabase(t);
  const folder = t.testdir();
  const clock = new FakeClock();
  const videos = new Videos({
    ...{ sql, folder, clock, log: createLog('silent'), isBusy: () => true },
    ...{ maxUploadBytes: 10_000, maxUploads: 5, quotaBytes: 0, minimumFreeBytes: 0 },
    media: { store: { id: newId(), freeBytes: async () => 1e9 } } as unknown as StoredVideos,
    replays: { findVideo: async () => undefined },
    furtherUsage: async () => 0,
    transcoding: () => t.fail('nothing is transcoded') as never,
  });
  t.teardown(() => videos.close());
  const upload = async (receivedBytes: number): Promise<string> => {
    const wanted = { userId: 'ada', title: 'A film', visibility: 'private', uploadBytes: 600 } as const;
    const id = await videos.announceUpload(wanted);
    writeFileSync(path.join(folder, 'uploads', id), Buffer.alloc(receivedBytes));
    return id;
  };
  const [half, complete, written] = [await upload(300), await upload(600), await upload(600)];
  await sql`update videos set claimed_until = now() + interval '1 h' where id = ${written}`;
  videos.start();
  const find = async (id: string) =>
    (
      await sql<
        { state: string; job: boolean }[]
      >`select state, job_id is not null as job from videos where id = ${id}`
    )[0];
  await until('it is queued', async () => (await find(complete))?.job);
  t.match(await find(complete), { state: 'queued' });
  for (const id of [half, written]) t.match(await find(id), { state: 'uploading', job: false });
});

t.test('an upload that gets bytes for days is kept', async (t) => {
  const { sql } = await testDatabase(t);
  const table = new VideoTable(sql);
  const storeId = newId();
  const video = { userId: 'ada', title: 'A film', visibility: 'private', uploadBytes: 600, storeId } as const;
  const [idle, active] = [newId(), newId()];
  for (const id of [idle, active]) await table.insert({ ...video, id }, async () => {});
  await sql`update videos set received_at = now() - interval '2 days'`;
  t.equal(await table.lockUpload(active, newId()), 'mine');
  await table.expireUploads(storeId, 86_400);
  const rows = await sql`select id from videos where state = 'uploading'`;
  t.strictSame(
    rows.map(({ id }) => id),
    [active],
  );
});
