import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import t, { type Test } from 'tap';

type WatchedProcess = {
  child: ChildProcess;
  lines: Record<string, unknown>[];
  ended: Promise<NodeJS.Signals | number | null>;
};

const LIMIT_MS = 1_000;

/** Starts a process whose main thread has the behaviour `does`. */
function start(t: Test, behaviour: string, nodeOptions: string[] = []): WatchedProcess {
  const file = path.join(
    import.meta.dirname,
    `../../support/gateway/hanging-process${path.extname(import.meta.filename)}`,
  );
  const child = spawn(
    process.execPath,
    [...nodeOptions, '--enable-source-maps', file, String(LIMIT_MS), behaviour],
    {
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  t.teardown(() => child.kill('SIGKILL'));
  const lines: Record<string, unknown>[] = [];
  let output = '';
  child.stdout.on('data', (bytes: Buffer) => {
    output += bytes;
    const whole = output.split('\n');
    output = whole.pop() ?? '';
    lines.push(...whole.map((line) => JSON.parse(line)));
  });
  const ended = new Promise<NodeJS.Signals | number | null>((resolve) =>
    child.once('close', (code, signal) => resolve(signal ?? code)),
  );
  return { child, lines, ended };
}

const after = (ms: number): Promise<'alive'> =>
  new Promise((resolve) => setTimeout(() => resolve('alive'), ms));

t.test('a process in an endless loop is ended, and its stack is logged', async (t) => {
  const { lines, ended } = start(t, 'loop');
  const began = performance.now();
  t.equal(await ended, 'SIGALRM');
  t.ok(performance.now() - began > LIMIT_MS, 'not before the limit');
  const fatal = lines.at(-1);
  t.match(fatal, { level: 60, time: Number, msg: /event loop has hung for 1 s/ });
  t.match(fatal?.stack, /at loopForEver \(.*hanging-process\.ts:\d+:\d+\)/, 'with source positions');
});

t.test('endless microtasks and blocking native code are detected as hangs', async (t) => {
  const [microtasks, native] = [start(t, 'microtasks'), start(t, 'native')];
  t.equal(await microtasks.ended, 'SIGALRM');
  t.match(microtasks.lines.at(-1)?.stack, /hanging-process/);
  t.equal(await native.ended, 'SIGALRM');
  t.match(native.lines.at(-1)?.stack, /native code/);
});

t.test('a process stopped for longer than the limit is not ended when it continues', async (t) => {
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

t.test('a process with a debugger may pause', async (t) => {
  const { ended } = start(t, 'loop', ['--inspect=127.0.0.1:0']);
  t.equal(await Promise.race([ended, after(3 * LIMIT_MS)]), 'alive');
});

t.test('a watchdog does not keep its process alive', async (t) => {
  t.equal(await start(t, 'nothing').ended, 0);
});
