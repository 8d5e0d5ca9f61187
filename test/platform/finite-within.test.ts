import t from 'tap';
import { finiteWithin } from '../../src/platform/index.js';

t.test('only finite numbers within the bounds pass, all else gives the fallback', async (t) => {
  for (const value of [1, 1.5, 300]) t.equal(finiteWithin(value, 1, 300, undefined), value);
  for (const value of [0, 0.999, 300.1, -1, Number.NaN, Infinity, -Infinity, '30', null, undefined, true, {}])
    t.equal(finiteWithin(value, 1, 300, 'fallback'), 'fallback', String(value));
  t.equal(finiteWithin(Infinity, 0, Infinity, undefined), undefined, 'an open bound excludes infinity');
});
