import { existsSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { type JsonProcess, startJsonProcess } from '../../support/gateway/json-process.js';
import { until } from '../../support/until.js';

type Line = { msg: string; pid?: number; isFirst?: boolean; signal?: string };

/** A supervisor of a process that does what it is told in its first life, and idles in every later one. */
function start(t: Test, does: string): JsonProcess<Line> {
  const support = path.join(import.meta.dirname, '../../support/gateway');
  const extension = path.extname(import.meta.filename);
  const supervisor = path.join(support, `supervising-process${extension}`);
  const program = path.join(support, `hanging-process${extension}`);
  const lived = path.join(t.testdir({}), 'lived');
  return startJsonProcess(t, [supervisor, program, '1000', does, lived]);
}

const ready = (lines: Line[]): Line[] => lines.filter(({ msg }) => msg === 'ready');

t.test('a program that hangs or crashes is started again, and stops in order after that', async (t) => {
  for (const [does, signal] of [
    ['loop', 'SIGALRM'],
    ['crash', 'SIGABRT'],
  ] as const) {
    const { child, lines, ended } = start(t, does);
    await until('the second life', () => ready(lines).length === 2);
    t.match(
      lines.find((line) => line.signal !== undefined),
      { level: 50, signal, msg: /started again/ },
    );
    child.kill('SIGTERM');
    t.equal(await ended, 3, `${does}: the exit code is the program's`);
    t.equal(ready(lines).length, 2);
  }
});

t.test('an exit code of the program is that of its supervisor, which ends with it', async (t) => {
  t.equal(await start(t, 'exit').ended, 7);
});

t.test('SIGKILL to the program ends the supervisor, and to the supervisor ends the program', async (t) => {
  const one = start(t, 'idle');
  process.kill((await until('it runs', () => ready(one.lines)[0])).pid!, 'SIGKILL');
  t.equal(await one.ended, 'SIGKILL');
  const other = start(t, 'idle');
  const { pid } = await until('it runs', () => ready(other.lines)[0]);
  other.child.kill('SIGKILL');
  await other.ended;
  await until('the program is gone', () => !existsSync(`/proc/${pid}`) || undefined);
  t.pass();
});
