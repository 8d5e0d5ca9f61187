import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import t, { type Test } from 'tap';
import { lockFolder, newId } from '../../../src/platform/index.js';
import { thisProcess } from '../../../src/platform/process/process-identity.js';

function temporaryFolder(t: Test): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'headend-lock-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function leaveLock(folder: string, content: object | string): string {
  const file = path.join(folder, `gateway-${newId()}.lock`);
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

t.test('a folder has one holder until it is released', async (t) => {
  const folder = path.join(temporaryFolder(t), 'made', 'here');
  const lock = await lockFolder(folder);
  const inUse = { code: 'data_dir_in_use', message: new RegExp(`in use by pid ${process.pid}\\.`) };
  await t.rejects(lockFolder(folder), inUse);
  await t.rejects(lockFolder(folder), inUse, 'a refused attempt does not release it');
  await lock.release();
  await lock.release();
  const again = await lockFolder(folder);
  await again.release();
  t.same(readdirSync(folder), []);
});

t.test('of concurrent attempts to lock a folder exactly one succeeds', async (t) => {
  for (let round = 0; round < 5; round++) {
    const folder = temporaryFolder(t);
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => lockFolder(folder)));
    const acquired = results.filter((result) => result.status === 'fulfilled');
    t.equal(acquired.length, 1);
    await acquired[0]!.value.release();
  }
});

t.test('the lock of a dead process is taken over, also when its process id was reused', async (t) => {
  const folder = temporaryFolder(t);
  leaveLock(folder, { ...thisProcess(), started: 'at another time' });
  leaveLock(folder, { ...thisProcess(), pid: 2 ** 22 + 1 });
  const lock = await lockFolder(folder);
  t.equal(readdirSync(folder).length, 1, 'the old locks are removed');
  await lock.release();
});

t.test('a holder in another process namespace is alive while its heartbeat continues', async (t) => {
  const folder = temporaryFolder(t);
  const timing = { silenceMs: 400 };
  const otherProcess = { ...thisProcess(), pid: 7, place: 'another container' };
  const file = leaveLock(folder, otherProcess);
  const heartbeat = setInterval(() => utimesSync(file, new Date(), new Date()), 50);
  t.teardown(() => clearInterval(heartbeat));
  await t.rejects(lockFolder(folder, timing), { code: 'data_dir_in_use', message: /by pid 7\./ });
  clearInterval(heartbeat);
  const lock = await lockFolder(folder, timing);
  await lock.release();
  t.same(readdirSync(folder), []);
});

t.test('a holder updates its heartbeat', async (t) => {
  const folder = temporaryFolder(t);
  const lock = await lockFolder(folder, { heartbeatMs: 20 });
  t.teardown(() => lock.release());
  const [name = ''] = readdirSync(folder);
  const file = path.join(folder, name);
  utimesSync(file, new Date(0), new Date(0));
  const { statSync } = await import('node:fs');
  while (statSync(file).mtimeMs === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  t.pass('it was touched');
});

t.test('a malformed lock file is replaced after its silence', async (t) => {
  const folder = temporaryFolder(t);
  leaveLock(folder, '{"pid":');
  const lock = await lockFolder(folder, { silenceMs: 200 });
  await lock.release();
});
