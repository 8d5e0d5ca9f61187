import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import t from 'tap';
import { freeUdpPorts } from '../../support/fixtures/free-udp-ports.js';
import type { HandleReport } from '../../support/gateway/transports-that-end.js';

t.test(
  'a transport has three libuv handles, closing releases them, and cleanup does not crash',
  async (t) => {
    const extension = path.extname(import.meta.filename);
    const file = path.join(import.meta.dirname, '../../support/gateway', `transports-that-end${extension}`);
    const child = fork(file, [String(await freeUdpPorts())], {
      execArgv: [...process.execArgv, '--expose-gc'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    t.teardown(() => void child.kill('SIGKILL'));
    let errors = '';
    child.stderr?.on('data', (bytes) => {
      errors += bytes;
    });
    const reports: HandleReport[] = [];
    child.on('message', (report: HandleReport) => reports.push(report));
    const [code, signal] = await once(child, 'close');
    t.same(reports, [{ perTransport: 3, left: 0 }]);
    t.match({ code, signal, errors }, { code: 0, signal: null, errors: '' });
  },
);
