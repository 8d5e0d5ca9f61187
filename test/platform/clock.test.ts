import t from 'tap';
import { sleep, systemClock } from '../../src/platform/index.js';

t.test('a timer for longer than Node takes, or for no number, waits instead of firing at once', async (t) => {
  const fired: number[] = [];
  const cancels = [2 ** 31, 1e15, Infinity, Number.NaN].flatMap((ms) => [
    systemClock.after(ms, () => fired.push(ms)),
    systemClock.every(ms, () => fired.push(ms)),
  ]);
  // Timers do not keep the process alive: something else must.
  const alive = setInterval(() => {}, 1_000);
  await sleep(systemClock, 100);
  clearInterval(alive);
  for (const cancel of cancels) cancel();
  t.same(fired, []);
});
