import path from 'node:path';
import t, { type Test } from 'tap';
import { type JsonProcess, startJsonProcess } from '../../support/gateway/json-process.js';

const LIMIT_MS = 1_000;

/** Starts a process whose main thread does what it is told. */
function start(t: Test, does: string, nodeOptions: string[] = []): JsonProcess<Record<string, unknown>> {
  const support = path.join(import.meta.dirname, '../../support/gateway');
  const program = path.join(support, `hanging-process${path.extname(import.meta.filename)}`);
  return startJsonProcess(t, [...nodeOptions, '--enable-source-maps', program, String(LIMIT_MS), does]);
}

const after = (ms: number): Promise<'alive'> =>
  new Promise((resolve) => setTimeout(() => resolve('alive'), ms));

t.test('a process in an endless loop is ended, and the log has its stack', async (t) => {
  const { lines, ended } = start(t, 'loop');
  const began = performance.now();
  t.equal(await ended, 'SIGALRM');
  t.ok(performance.now() - began > LIMIT_MS, 'not before its time');
  const fatal = lines.at(-1);
  t.match(fatal, { level: 60, time: Number, msg: /event loop has hung for 1 s/ });
  t.match(fatal?.stack, /at loopForEver \(.*hanging-process\.ts:\d+:\d+\)/, 'by its source');
});

t.test('microtasks that never end, and native code that never returns, are hangs too', async (t) => {
  const [microtasks, native] = [start(t, 'microtasks'), start(t, 'native')];
  t.equal(await microtasks.ended, 'SIGALRM');
  t.match(microtasks.lines.at(-1)?.stack, /hanging-process/);
  t.equal(await native.ended, 'SIGALRM');
  t.match(native.lines.at(-1)?.stack, /native code/);
});

t.test('a process that is stopped for longer than the limit and goes on does not hang', async (t) => {
  const { child, lines, ended } = start(t, 'idle');
  await after(1_000);
  for (let stop = 0; stop < 2; stop++) {
    child.kill('SIGSTOP');
    await after(2.5 * LIMIT_MS);
    child.kill('SIGCONT');
    t.equal(await Promise.race([ended, after(1.5 * LIMIT_MS)]), 'alive');
  }
  t.equal(lines.length, 1, 'nothing is logged');
});

t.test('a process under a debugger may stand still', async (t) => {
  const { ended } = start(t, 'loop', ['--inspect=127.0.0.1:0']);
  t.equal(await Promise.race([ended, after(3 * LIMIT_MS)]), 'alive');
});

t.test('a watchdog does not keep the process alive', async (t) => {
  t.equal(await start(t, 'nothing').ended, 0);
});
