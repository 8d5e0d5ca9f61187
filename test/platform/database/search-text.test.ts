import t from 'tap';
import { searchQuery, searchText } from '../../../src/platform/index.js';

t.test('texts are folded to words without case, accents and punctuation', async (t) => {
  t.same(
    ['  Élan-Vital, 4K!', 'STRASSE straße', 'שָׁלוֹם', '東京2026', "a<b>'c' & d:*", 'ﬁlm', '😀'].map(searchText),
    ['elan vital 4k', 'strasse strasse', 'שלום', '東 京 2026', 'a b c d', 'film', ''],
  );
});

t.test('a query finds words by their beginning, and single letters as words', async (t) => {
  t.equal(searchQuery("Café 'c' | !x:* 東京"), "'cafe':* & 'c' & 'x' & '東' & '京'");
  t.equal(searchQuery(' \n!? '), undefined);
});

t.test('a long query is cut to eight words of forty letters', async (t) => {
  const words = searchQuery(`${'w'.repeat(5_000)} `.repeat(20))?.split(' & ');
  t.same(words, Array(8).fill(`'${'w'.repeat(40)}':*`));
});
