import t from 'tap';
import { newId, systemClock } from '../../../src/platform/index.js';
import { ClipTable } from '../../../src/recordings/clips/clip-table.js';
import { Livestreams } from '../../../src/streams/index.js';
import { testDatabase } from '../../support/fixtures/database.js';

t.test('the clips of a user are those made, and those of the own livestreams', async (t) => {
  const { sql } = await testDatabase(t);
  const table = new ClipTable(sql);
  const livestreams = new Livestreams({ sql, clock: systemClock });
  const wanted = { title: 'A test', description: '', recordingEnabled: false };
  const { id: streamId } = await livestreams.create({
    ...wanted,
    userId: 'ada',
    streamKeyHash: newId().replaceAll('-', '').padEnd(64, '0'),
  });
  const clip = async (createdBy: string, userId: string): Promise<string> => {
    const id = newId();
    const at = new Date();
    await table.insert({
      ...{ id, streamId, broadcastId: newId(), sourceId: null, userId, createdBy, createdAt: at },
      ...{ title: 'A clip', visibility: 'public', access: 'public', storeId: newId() },
      ...{ startsAt: at, endsAt: at, exact: false },
    });
    return id;
  };
  const made = await clip('boris', 'ada');
  const both = await clip('boris', 'boris');
  const owned = await clip('carol', 'boris');
  await clip('carol', 'ada');
  const list = async (page = {}): Promise<string[]> =>
    (await table.listByUser('boris', { limit: 10, offset: 0, ...page })).map(({ id }) => id);
  t.strictSame(await list(), [owned, both, made]);
  t.strictSame(await list({ limit: 1, offset: 1 }), [both]);
  t.strictSame(await list({ before: both }), [made]);
});
