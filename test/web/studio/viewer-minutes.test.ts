import t from 'tap';
import { filledMinutes } from '../../../src/web/studio/viewer-minutes.js';

const START = Date.parse('2026-01-01T00:00:00Z');
const minute = (index: number, whep: number) => ({
  minute: new Date(START + index * 60_000).toISOString(),
  viewers: whep,
  byProtocol: { whep },
});

t.test('minutes without viewers are zero, and only the newest ones are returned', async (t) => {
  const history = [minute(0, 1), minute(3, 2)];
  const all = filledMinutes(history, START + 4.5 * 60_000, 60);
  t.same(
    all.at.map((ms) => (ms - START) / 60_000),
    [0, 1, 2, 3, 4],
  );
  t.same(all.byProtocol.whep, [1, 0, 0, 2, 0]);
  t.same(all.byProtocol.dash, [0, 0, 0, 0, 0]);
  t.same(filledMinutes(history, START + 4.5 * 60_000, 2).byProtocol.whep, [2, 0]);
});
