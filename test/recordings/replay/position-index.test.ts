import t from 'tap';
import { PositionIndex } from '../../../src/recordings/replay/position-index.js';

const AT_MS = Date.UTC(2026, 0, 1);
const segments = (...startsS: number[]) =>
  startsS.map((startS) => ({ programDateTimeMs: AT_MS + startS * 1_000, durationS: 2 }));

t.test('dates become positions, and positions dates', async (t) => {
  const index = new PositionIndex(segments(0, 2, 10, 12));
  t.equal(index.durationS, 8);
  const positions = [-5, 0, 1, 3.5, 4, 9, 11, 14, 100].map((s) => index.positionOf(AT_MS + s * 1_000));
  t.strictSame(positions, [0, 0, 1, 3.5, 4, 4, 5, 8, 8]);
  const dates = [-1, 0, 3, 4, 7.5, 8, 100].map((s) => (index.dateOf(s) - AT_MS) / 1_000);
  t.strictSame(dates, [0, 0, 3, 10, 13.5, 14, 14]);
});

t.test('a date is found first where the clock has stepped back', async (t) => {
  const index = new PositionIndex(segments(100, 102, 10, 12, 104));
  t.equal(index.positionOf(AT_MS + 103_000), 3);
  t.equal(index.positionOf(AT_MS + 11_000), 0, 'before all media');
  t.equal(index.positionOf(AT_MS + 105_000), 9);
});

t.test('nothing is at the beginning', async (t) => {
  const index = new PositionIndex([]);
  t.strictSame([index.durationS, index.positionOf(AT_MS), index.dateOf(5)], [0, 0, 0]);
});
