import t from 'tap';
import { withCompositionTime } from '../../../src/media/index.js';

t.test('a composition time is written in place where the header has the field', async (t) => {
  const legacy = Buffer.from([0x27, 1, 0xff, 0xff, 0xb0, 9]);
  t.equal(withCompositionTime(legacy, 5, 80), legacy);
  t.same([...legacy], [0x27, 1, 0, 0, 80, 9]);
  const enhanced = Buffer.from('\xa1hvc1\x00\x00\x01\x09', 'latin1');
  t.equal(withCompositionTime(enhanced, 8, 0x12_34_56).toString('latin1'), '\xa1hvc1\x12\x34\x56\x09');
});

t.test('a composition time is added to an enhanced header without the field', async (t) => {
  const body = withCompositionTime(Buffer.from('\xa3hvc1\x09\x08', 'latin1'), 5, 80);
  t.equal(body.toString('latin1'), '\xa1hvc1\x00\x00\x50\x09\x08');
});
