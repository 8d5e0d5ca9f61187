import { createHash } from 'node:crypto';
import t from 'tap';
import { hashStreamKey, isStreamKey, mintStreamKey } from '../../../src/accounts/index.js';

t.test('keys are unique, readable, and safe as an RTMP stream name and in a URL', async (t) => {
  const keys = Array.from({ length: 1_000 }, mintStreamKey);
  t.equal(new Set(keys).size, keys.length);
  for (const key of keys) if (!/^live_[a-z2-7]{32}$/.test(key) || !isStreamKey(key)) t.fail(key);
  t.equal(encodeURIComponent(keys[0]!), keys[0]);
});

t.test('all 160 bits of a key are random', async (t) => {
  const seen = Array.from({ length: 32 }, () => new Set<string>());
  for (let i = 0; i < 2_000; i++)
    for (const [index, digit] of [...mintStreamKey().slice('live_'.length)].entries())
      seen[index]!.add(digit);
  t.same(
    seen.map((digits) => digits.size),
    Array(32).fill(32),
  );
});

t.test('malformed keys are detected by their form', async (t) => {
  const key = mintStreamKey();
  for (const text of [
    '',
    'live_',
    key.slice(1),
    `${key}a`,
    key.toUpperCase(),
    `${key}\n`,
    `${key}'--`,
    'x'.repeat(1e5),
  ])
    t.notOk(isStreamKey(text), JSON.stringify(text.slice(0, 50)));
});

t.test('the hash is SHA-256', async (t) => {
  t.equal(hashStreamKey('live_a'), createHash('sha256').update('live_a').digest('hex'));
});
