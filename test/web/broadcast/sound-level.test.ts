import t from 'tap';
import { LOWEST_DB, peakDb } from '../../../src/web/broadcast/sound-level.js';

t.test('the peak is in dBFS, and silence is the lowest level', async (t) => {
  t.equal(peakDb(new Float32Array([0, 0.5, -1])), 0);
  t.ok(Math.abs(peakDb(new Float32Array([0.1, -0.5])) + 6.02) < 0.01);
  t.equal(peakDb(new Float32Array(10)), LOWEST_DB);
});
