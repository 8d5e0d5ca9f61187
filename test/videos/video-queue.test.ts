import t from 'tap';
import { createLog, newId } from '../../src/platform/index.js';
import { VideoQueue } from '../../src/videos/video-queue.js';
import { testDatabase } from '../support/fixtures/database.js';

t.test('jobs are for the gateways with the folder only, and are taken once', async (t) => {
  const { sql } = await testDatabase(t);
  const open = (storeId: string): VideoQueue => {
    const queue = new VideoQueue(sql, storeId, createLog('silent'));
    t.teardown(() => queue.close());
    return queue;
  };
  const [storeId, videoId] = [newId(), newId()];
  const [own, same, other] = [open(storeId), open(storeId), open(newId())];
  const id = await own.add(videoId);
  t.equal(await other.take(), undefined);
  t.strictSame(await same.take(), { id, videoId });
  await own.cancel(id);
  t.equal(await own.take(), undefined, 'an attempt that has ended does not come back');
  const ended = await own.add(videoId);
  await own.take();
  await own.end(ended);
  t.equal(await own.take(), undefined);
});
