import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import t, { type Test } from 'tap';
import { loadOperatorToken } from '../../../src/accounts/index.js';

function temporaryFolder(t: Test): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'headend-token-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

t.test('a token is created at the first start and stored for its owner only', async (t) => {
  const dataDir = path.join(temporaryFolder(t), 'data');
  const first = await loadOperatorToken({ dataDir });
  const file = path.join(dataDir, 'operator-token');
  const token = readFileSync(file, 'utf8').trim();
  t.match(token, /^[\w-]{43}$/);
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.ok(first.verify(token));

  chmodSync(file, 0o644);
  const second = await loadOperatorToken({ dataDir });
  t.ok(second.verify(token));
  t.equal(statSync(file).mode & 0o777, 0o600, 'the mode of the file is restored');
});

t.test('a configured token is not stored and replaces the stored one', async (t) => {
  const dataDir = temporaryFolder(t);
  await loadOperatorToken({ dataDir });
  const stored = readFileSync(path.join(dataDir, 'operator-token'), 'utf8').trim();
  const configured = await loadOperatorToken({ dataDir, configured: 'chosen-by-the-operator' });
  t.ok(configured.verify('chosen-by-the-operator'));
  t.notOk(configured.verify(stored));
  t.notMatch(readFileSync(path.join(dataDir, 'operator-token'), 'utf8'), 'chosen');
});

t.test('verify accepts only the exact token', async (t) => {
  const token = await loadOperatorToken({
    dataDir: temporaryFolder(t),
    configured: 'chosen-by-the-operator',
  });
  for (const wrong of ['', 'chosen-by-the-operato', 'chosen-by-the-operator ', 'CHOSEN-BY-THE-OPERATOR'])
    t.notOk(token.verify(wrong), wrong);
});

t.test('an empty token file fails with a message that names the remedy', async (t) => {
  const dataDir = temporaryFolder(t);
  writeFileSync(path.join(dataDir, 'operator-token'), '\n');
  await t.rejects(loadOperatorToken({ dataDir }), { code: 'operator_token_invalid', message: /remove it/ });
});
