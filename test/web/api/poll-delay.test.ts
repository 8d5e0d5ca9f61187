import t from 'tap';
import { pollDelayMs } from '../../../src/web/api/poll-delay.js';

const MIDDLE = 0.5;

t.test('the delay is 1 s at urgent, 2 s at fast and 10 s at slow pace', async (t) => {
  t.equal(pollDelayMs({ pace: 'urgent', failures: 0, unchanged: 0 }, MIDDLE), 1_000);
  t.equal(pollDelayMs({ pace: 'fast', failures: 0, unchanged: 0 }, MIDDLE), 2_000);
  t.equal(pollDelayMs({ pace: 'slow', failures: 0, unchanged: 0 }, MIDDLE), 10_000);
});

t.test('unchanged results lengthen the delay down to the slow pace', async (t) => {
  const delays = Array.from({ length: 1_000 }, (_, unchanged) =>
    pollDelayMs({ pace: 'fast', failures: 0, unchanged }, MIDDLE),
  );
  t.same(
    delays,
    delays.toSorted((a, b) => a - b),
    'never shorter',
  );
  t.equal(delays.at(-1), 10_000);
});

t.test('consecutive failures double the delay up to eight seconds', async (t) => {
  const delays = [1, 2, 3, 4, 9].map((failures) =>
    pollDelayMs({ pace: 'fast', failures, unchanged: 0 }, MIDDLE),
  );
  t.same(delays, [2_000, 4_000, 8_000, 8_000, 8_000]);
});

t.test('Retry-After is a lower bound of the delay', async (t) => {
  t.equal(pollDelayMs({ pace: 'fast', failures: 1, unchanged: 0, retryAfterS: 30 }, MIDDLE), 30_000);
});

t.test('delays have a jitter of 20 %', async (t) => {
  const at = (random: number) => Math.round(pollDelayMs({ pace: 'fast', failures: 0, unchanged: 0 }, random));
  t.same([at(0), at(0.5), at(1)], [1_600, 2_000, 2_400]);
  const delays = Array.from({ length: 100 }, () => pollDelayMs({ pace: 'fast', failures: 0, unchanged: 0 }));
  t.ok(delays.every((delay) => delay >= 1_600 && delay < 2_400));
  t.ok(new Set(delays).size > 50, 'two pages rarely poll at the same time');
});
