import { ERRORS } from '@tus/server';
import t, { type Test } from 'tap';
import { createLog, newId, systemClock } from '../../src/platform/index.js';
import { UploadLocker } from '../../src/videos/upload-locker.js';
import { VideoTable } from '../../src/videos/video-table.js';
import { testDatabase } from '../support/fixtures/database.js';
import { until } from '../support/until.js';

const NEVER = new AbortController().signal;

/** Stores an upload, and returns lockers of two gateways that share the database. */
async function openLockers(t: Test) {
  const { sql } = await testDatabase(t);
  const table = new VideoTable(sql);
  const [id, storeId] = [newId(), newId()];
  const video = { id, userId: 'ada', title: 'A film', visibility: 'private' as const, storeId };
  await table.insert({ ...video, uploadBytes: 1 }, async () => {});
  const open = () => new UploadLocker({ table, clock: systemClock, log: createLog('silent') });
  return { id, sql, table, first: open(), second: open() };
}

t.test('a request in another gateway ends the one before it and goes on', async (t) => {
  const { id, first, second } = await openLockers(t);
  const [held, next] = [first.newLock(id), second.newLock(id)];
  let asked = 0;
  await held.lock(NEVER, () => {
    asked++;
    void held.unlock();
  });
  await next.lock(NEVER, () => {});
  t.equal(asked, 1);

  const [third, canceller] = [first.newLock(id), new AbortController()];
  const waiting = third.lock(canceller.signal, () => {});
  canceller.abort();
  t.equal(await waiting.catch((error: unknown) => error), ERRORS.ABORTED, 'a cancelled one does not wait');
  await next.unlock();
  await third.lock(NEVER, () => {});
  await third.unlock();
  await third.unlock();
});

t.test('the lock of a gateway that is gone expires, and one that comes back ends its request', async (t) => {
  const { id, sql, first, second } = await openLockers(t);
  const [lost, next] = [first.newLock(id), second.newLock(id)];
  let isAsked = false;
  await lost.lock(NEVER, () => {
    isAsked = true;
  });
  await sql`update videos set claimed_until = now() - interval '1 s' where id = ${id}`;
  await next.lock(NEVER, () => {});
  await until('it is told', () => isAsked);
  await lost.unlock();
  const [row] = await sql`select claimed_by from videos where id = ${id}`;
  t.ok(row?.claimed_by, 'it does not release the lock of the other');
  await next.unlock();
});

t.test('a file that is complete needs no lock, and its transcoding keeps its claim', async (t) => {
  const { id, sql, table, first } = await openLockers(t);
  await table.queue(id);
  const claimant = newId();
  t.ok(await table.claim(id, claimant));
  const lock = first.newLock(id);
  await lock.lock(NEVER, () => {});
  await lock.unlock();
  t.match(await sql`select state, claimed_by from videos where id = ${id}`, [
    { state: 'transcoding', claimed_by: claimant },
  ]);
});
