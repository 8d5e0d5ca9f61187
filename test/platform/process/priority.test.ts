import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import os from 'node:os';
import t from 'tap';
import { lowerSessionPriority } from '../../../src/platform/index.js';

t.test('a process that leads a session gets less of the processors, in its session and as one', async (t) => {
  const child = spawn('sleep', ['60'], { stdio: 'ignore', detached: true });
  t.teardown(() => child.kill('SIGKILL'));
  const pid = child.pid ?? 0;
  lowerSessionPriority(pid, os.constants.priority.PRIORITY_LOW);
  t.equal(os.getPriority(pid), os.constants.priority.PRIORITY_LOW);
  let session = 'nice 19';
  try {
    session = readFileSync(`/proc/${pid}/autogroup`, 'utf8');
  } catch {}
  t.match(session, /nice 19/);
});

t.test('a process that is gone is no error', async () => {
  lowerSessionPriority(2 ** 22, os.constants.priority.PRIORITY_LOW);
});
