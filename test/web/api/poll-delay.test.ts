import t from 'tap';
import { pollDelay } from '../../../src/web/api/poll-delay.js';

const MIDDLE = 0.5;

t.test('one second while it starts, two while something may happen, ten while all is well', async (t) => {
  t.equal(pollDelay({ pace: 'urgent', failures: 0, unchanged: 0 }, MIDDLE), 1_000);
  t.equal(pollDelay({ pace: 'fast', failures: 0, unchanged: 0 }, MIDDLE), 2_000);
  t.equal(pollDelay({ pace: 'slow', failures: 0, unchanged: 0 }, MIDDLE), 10_000);
});

t.test('a page left open on a stream that stays offline asks ever less, down to the slow pace', async (t) => {
  const delays = Array.from({ length: 1_000 }, (_, unchanged) =>
    pollDelay({ pace: 'fast', failures: 0, unchanged }, MIDDLE),
  );
  t.same(
    delays,
    delays.toSorted((a, b) => a - b),
    'never more often',
  );
  t.equal(delays.at(-1), 10_000);
});

t.test('failures double the delay up to eight seconds', async (t) => {
  const delays = [1, 2, 3, 4, 9].map((failures) =>
    pollDelay({ pace: 'fast', failures, unchanged: 0 }, MIDDLE),
  );
  t.same(delays, [2_000, 4_000, 8_000, 8_000, 8_000]);
});

t.test('a server that asks to be left alone is left alone', async (t) => {
  t.equal(pollDelay({ pace: 'fast', failures: 1, unchanged: 0, retryAfter: 30 }, MIDDLE), 30_000);
});

t.test('delays are spread by a fifth either way', async (t) => {
  const at = (random: number) => Math.round(pollDelay({ pace: 'fast', failures: 0, unchanged: 0 }, random));
  t.same([at(0), at(0.5), at(1)], [1_600, 2_000, 2_400]);
  const delays = Array.from({ length: 100 }, () => pollDelay({ pace: 'fast', failures: 0, unchanged: 0 }));
  t.ok(delays.every((delay) => delay >= 1_600 && delay < 2_400));
  t.ok(new Set(delays).size > 50, 'two pages hardly ever ask at the same moment');
});
