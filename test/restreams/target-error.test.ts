import t from 'tap';
import { wordsOf } from '../../src/restreams/target-error.js';

t.test('the words of a target are printable, short and without the key', async (t) => {
  t.equal(wordsOf(' stream\nkey \u0000secret is bad ', 'secret'), 'stream key  … is bad');
  t.equal(wordsOf('\u0007'), undefined);
  t.equal(wordsOf(7), undefined);
  t.equal(wordsOf('x'.repeat(5_000))?.length, 200);
});

t.test('no half of a character is left of them', async (t) => {
  t.equal(wordsOf(`${'a'.repeat(199)}😀 no`), 'a'.repeat(199));
  t.equal(wordsOf('no \ud83d'), 'no');
  t.equal(wordsOf(`${'a'.repeat(198)}😀 no`), `${'a'.repeat(198)}😀`);
});
