import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t from 'tap';
import { MemoryGuard, systemClock } from '../../../src/platform/index.js';
import { FakeClock } from '../../support/fakes/fake-clock.js';
import { recordLog } from '../../support/fixtures/log-record.js';

const LINUX = process.platform === 'linux' ? false : 'there is no /proc';
const LARGE_PROCESS = `const bytes = Buffer.alloc(400 * 2 ** 20, 1); setInterval(() => bytes.length, 1000)`;

t.test(
  'a process above its memory limit is killed within seconds, and logged',
  { skip: LINUX },
  async (t) => {
    const { log, lines } = recordLog();
    const guard = new MemoryGuard({ maxBytes: 200 * 2 ** 20, clock: systemClock, log });
    const large = spawn(process.execPath, ['-e', LARGE_PROCESS]);
    const small = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    t.teardown(() => small.kill('SIGKILL'));
    let calls = 0;
    guard.watch(large, () => calls++);
    guard.watch(small, () => t.fail('it is below the limit'));
    // The timers of the guard do not keep this process alive.
    const keepAlive = setInterval(() => {}, 1000);
    const [, signal] = await once(large, 'exit');
    clearInterval(keepAlive);
    t.equal(signal, 'SIGKILL');
    t.equal(calls, 1);
    t.match(guard.reason, /more than 200 MB/);
    t.match(lines(), [{ pid: large.pid, msg: 'a child process used too much memory and is killed' }]);
    t.equal(guard.size, 1);
    t.equal(small.exitCode, null);
  },
);

t.test('the guard has a timer only while it watches a process', async (t) => {
  const clock = new FakeClock();
  const guard = new MemoryGuard({ maxBytes: 1, clock, log: recordLog().log });
  guard.watch(spawn('/nowhere/program').on('error', () => {}));
  t.equal(clock.pending, 0);
  const child = spawn(process.execPath, ['-e', '']);
  guard.watch(child);
  t.equal(clock.pending, 1);
  await once(child, 'exit');
  t.equal(clock.pending, 0);
  guard.watch(child);
  t.equal(clock.pending, 0, 'it has exited already');
});
