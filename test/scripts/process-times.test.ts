import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import t from 'tap';
import { measureProcessorTime } from '../../scripts/process-times.js';

/** Program that computes until it has used `seconds` of processor time. */
const compute = (seconds: number): string =>
  `while (process.cpuUsage().user + process.cpuUsage().system < ${seconds * 1e6}) JSON.stringify([process.env]);`;

t.test(
  'the processor time of a process has that of its children, also of those that it did not wait for',
  { skip: existsSync('/proc/self/stat') ? false : 'needs /proc' },
  async (t) => {
    // The child outlives its parent; the program ends when it has written its time.
    const orphan = `${compute(1.5)} console.log('orphan done'); setTimeout(() => {}, 1e6);`;
    const parent = `const { spawn } = require('node:child_process');
      const child = spawn(process.execPath, ['-e', ${JSON.stringify(orphan)}], { stdio: 'inherit' });
      console.log(child.pid); ${compute(0.8)} setTimeout(() => {}, 1e6);`;
    const child = spawn(process.execPath, ['-e', parent], { stdio: ['ignore', 'pipe', 'inherit'] });
    const end = measureProcessorTime(child.pid ?? 0);
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const orphanPid = Number((await lines.next()).value);
    t.equal((await lines.next()).value, 'orphan done');
    child.kill('SIGKILL');
    process.kill(orphanPid, 'SIGKILL');
    const seconds = end() ?? 0;
    t.ok(seconds > 1.2 && seconds < 10, `${seconds} s`);
    t.ok((measureProcessorTime(process.pid)() ?? 0) > 0, 'a second measurement is one of its own');
  },
);
