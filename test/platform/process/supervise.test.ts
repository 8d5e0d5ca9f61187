import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { until } from '../../support/until.js';

type Line = { msg: string; pid?: number; isFirst?: boolean; signal?: string };

/** Starts a supervisor whose process has the behaviour `does` in its first run, and idles in later ones. */
function start(
  t: Test,
  behaviour: string,
): { child: ChildProcess; lines: Line[]; ended: Promise<string | number | null> } {
  const support = path.join(import.meta.dirname, '../../support/gateway');
  const extension = path.extname(import.meta.filename);
  const supervisor = path.join(support, `supervising-process${extension}`);
  const program = path.join(support, `hanging-process${extension}`);
  const firstRunFile = path.join(t.testdir({}), 'lived');
  const child = spawn(process.execPath, [supervisor, program, '1000', behaviour, firstRunFile], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const lines: Line[] = [];
  let output = '';
  child.stdout.on('data', (bytes: Buffer) => {
    output += bytes;
    const whole = output.split('\n');
    output = whole.pop() ?? '';
    lines.push(...whole.map((line) => JSON.parse(line)));
  });
  t.teardown(() => child.kill('SIGKILL'));
  const ended = new Promise<string | number | null>((resolve) =>
    child.once('close', (code, signal) => resolve(signal ?? code)),
  );
  return { child, lines, ended };
}

const ready = (lines: Line[]): Line[] => lines.filter(({ msg }) => msg === 'ready');

t.test('a program that hangs or crashes is restarted, and then stops in order', async (t) => {
  for (const [behaviour, signal] of [
    ['loop', 'SIGALRM'],
    ['crash', 'SIGABRT'],
  ] as const) {
    const { child, lines, ended } = start(t, behaviour);
    await until('the second run', () => ready(lines).length === 2);
    t.match(
      lines.find((line) => line.signal !== undefined),
      { level: 50, signal, msg: /started again/ },
    );
    child.kill('SIGTERM');
    t.equal(await ended, 3, `${behaviour}: the exit code is the program's`);
    t.equal(ready(lines).length, 2);
  }
});

t.test('the exit code of the program is that of its supervisor, which ends with it', async (t) => {
  t.equal(await start(t, 'exit').ended, 7);
});

t.test('SIGKILL to the program ends the supervisor, and to the supervisor ends the program', async (t) => {
  const one = start(t, 'idle');
  process.kill((await until('the program runs', () => ready(one.lines)[0])).pid!, 'SIGKILL');
  t.equal(await one.ended, 'SIGKILL');
  const other = start(t, 'idle');
  const { pid } = await until('the program runs', () => ready(other.lines)[0]);
  other.child.kill('SIGKILL');
  await other.ended;
  await until('the program has exited', () => !existsSync(`/proc/${pid}`) || undefined);
  t.pass();
});
