import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import t from 'tap';
import { freeUdpPorts } from '../../support/fixtures/free-udp-ports.js';

t.test('cleanup after many closed transports does not crash', async (t) => {
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
  const [code, signal] = await once(child, 'close');
  t.match({ code, signal, errors }, { code: 0, signal: null, errors: '' });
});
