import t from 'tap';
import { positionOfDate, timeText } from '../../../src/web/player/rewind-position.js';

const segment = (start: number, programDateTime: number | null) => ({ start, duration: 2, programDateTime });

t.test('a date is a position in the segment that holds it, or at the start of the next one', async (t) => {
  const segments = [segment(10, 1_000), segment(12, 3_000), segment(14, 60_000)];
  t.equal(positionOfDate(segments, 0), 10, 'before the window');
  t.equal(positionOfDate(segments, 1_500), 10.5);
  t.equal(positionOfDate(segments, 4_000), 13);
  t.equal(positionOfDate(segments, 30_000), 14, 'while nothing was broadcast');
  t.equal(positionOfDate(segments, 90_000), 14, 'behind the window');
  t.equal(positionOfDate([segment(0, null)], 5_000), undefined);
  t.equal(positionOfDate([], 5_000), undefined);
});

t.test('a time is written as minutes or hours', async (t) => {
  t.strictSame([5, 65, 3_600, 7_384].map(timeText), ['0:05', '1:05', '1:00:00', '2:03:04']);
});
