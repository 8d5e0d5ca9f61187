import { writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { createLog, newId } from '../../src/platform/index.js';
import type { StoredVideos } from '../../src/recordings/index.js';
import { Videos } from '../../src/videos/index.js';
import { FakeClock } from '../support/fakes/fake-clock.js';
import { testDatabase } from '../support/fixtures/database.js';

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
