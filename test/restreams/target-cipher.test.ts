import { randomBytes } from 'node:crypto';
import t from 'tap';
import { TargetCipher } from '../../src/restreams/target-cipher.js';

const SECRET = { url: 'rtmp://live.example/app', key: 'the-stream-key' };

t.test('a secret is read with its key and for its target only', async (t) => {
  const cipher = new TargetCipher(randomBytes(32));
  const sealed = cipher.seal('target-1', SECRET);
  t.notOk(sealed.includes('the-stream-key'));
  t.notSame(cipher.seal('target-1', SECRET), sealed, 'the nonce is new each time');
  t.same(cipher.open('target-1', sealed), SECRET);
  t.equal(cipher.open('target-2', sealed), undefined, 'of another row');
  t.equal(new TargetCipher(randomBytes(32)).open('target-1', sealed), undefined, 'another key');
  for (const at of [0, 1, 13, sealed.length - 1]) {
    const changed = Buffer.from(sealed);
    changed[at]! ^= 1;
    t.equal(cipher.open('target-1', changed), undefined, `byte ${at} was changed`);
  }
  t.equal(cipher.open('target-1', sealed.subarray(0, 20)), undefined, 'cut');
});
