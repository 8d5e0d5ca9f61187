import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t from 'tap';
import { killChild } from '../../../src/platform/process/kill-child.js';

t.test('a signal reaches a child that runs', async (t) => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  killChild(child);
  t.strictSame(await once(child, 'exit'), [null, 'SIGKILL']);
});

t.test('a signal to a child that could not be started reaches no other process', async (t) => {
  // In a process of its own, which is the leader of its group: a signal to process 0 would end it.
  const script = `
    import { spawn } from 'node:child_process';
    import { killChild } from ${JSON.stringify(new URL(import.meta.resolve('../../../src/platform/process/kill-child.js')).href)};
    const child = spawn('/nowhere/program', []);
    child.on('error', ({ code }) => { console.log(code); });
    killChild(child);`;
  const own = spawn(process.execPath, [...process.execArgv, '--input-type=module', '-e', script], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  own.stdout.on('data', (text) => {
    output += text;
  });
  t.strictSame(await once(own, 'close'), [0, null]);
  t.equal(output, 'ENOENT\n');
});
