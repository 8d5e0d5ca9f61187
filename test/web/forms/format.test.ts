import t from 'tap';
import { durationText, sizeText } from '../../../src/web/forms/format.js';

t.test('durations have hours where they need them', async (t) => {
  t.same([0, 9.9, 75, 3_600, 36_061, -1].map(durationText), [
    '0:00',
    '0:09',
    '1:15',
    '1:00:00',
    '10:01:01',
    '0:00',
  ]);
});

t.test('sizes have a unit of fitting size', async (t) => {
  t.same(
    [0, 999, 1_000, 1_500_000, 2_440_000_000, 1e16].map((bytes) => sizeText(bytes, 'en')),
    ['0 byte', '999 byte', '1 kB', '1.5 MB', '2.4 GB', '10,000 TB'],
  );
});
