import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import t from 'tap';
import { makeSocketFolder } from '../../../src/platform/index.js';
import { recordLog } from '../../support/fixtures/log-record.js';

t.test('socket folders of dead gateways are removed, and no others', async (t) => {
  // Not `t.testdir()`: Unix socket paths have a short limit.
  const root = mkdtempSync(path.join(os.tmpdir(), 'headend-test-'));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  const { pid: gone } = spawnSync(process.execPath, ['--version']);
  const make = (name: string): string => {
    const folder = path.join(root, name);
    mkdirSync(folder);
    return folder;
  };
  writeFileSync(path.join(make(`headend-webrtc-${gone}-aaaaaa`), '0.sock'), '');
  make(`headend-webrtc-${gone}-bbbbbb`);
  const kept = [
    `headend-webrtc-${process.pid}-cccccc`,
    `headend-webrtc-${gone}-dddddd`,
    `headend-webrtc-${gone}-eeeeee`,
    'headend-webrtc-ffffff',
    `other-${gone}-gggggg`,
  ];
  const [running = '', listening = '', link = '', unnumbered = '', foreign = ''] = kept;
  for (const name of [running, unnumbered, foreign]) make(name);
  symlinkSync(foreign, path.join(root, link));
  const server = createServer().listen(path.join(make(listening), '0.sock'));
  t.teardown(() => server.close());
  await once(server, 'listening');

  const { log, lines } = recordLog();
  const folder = await makeSocketFolder('webrtc', log, root);
  t.match(path.basename(folder), new RegExp(`^headend-webrtc-${process.pid}-\\w{6}$`));
  t.strictSame(readdirSync(root).toSorted(), [...kept, path.basename(folder)].toSorted());
  t.equal(lines().filter(({ msg }) => msg === 'removed the socket folder of a killed gateway').length, 2);

  rmSync(folder, { recursive: true });
  const own = `headend-webrtc-${gone}-hhhhhh`;
  make(own);
  await makeSocketFolder('webrtc', log, root);
  t.notOk(readdirSync(root).includes(own), 'at each start');
});

t.test('a socket folder is closed to other users and short enough for socket paths', async (t) => {
  const { log } = recordLog();
  const long = path.join(t.testdir(), 'x'.repeat(90));
  mkdirSync(long);
  const folder = await makeSocketFolder('test', log, long);
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  t.equal(path.dirname(folder), '/tmp', 'a path that is too long is not used');
  t.equal(statSync(folder).mode & 0o777, 0o700);
});
