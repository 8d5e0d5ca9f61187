import t from 'tap';
import { pause, systemClock } from '../../src/platform/index.js';

t.test('a timer longer than Node can hold does not fire at once', async (t) => {
  const fired: string[] = [];
  const controller = new AbortController();
  for (const ms of [2 ** 31, 2 ** 40, Number.POSITIVE_INFINITY, Number.NaN]) {
    systemClock.after(ms, () => fired.push(`after ${ms}`), controller.signal);
    systemClock.every(ms, () => fired.push(`every ${ms}`), controller.signal);
  }
  await pause(50);
  controller.abort();
  t.strictSame(fired, []);
});

t.test('a timer of a long delay fires when the whole delay is over', async (t) => {
  const delays: number[] = [];
  const { setTimeout: original } = globalThis;
  // Each timer is over at once, so that the sum of the delays is what counts.
  const keepAlive = setInterval(() => {}, 1_000);
  t.teardown(() => {
    clearInterval(keepAlive);
    globalThis.setTimeout = original;
  });
  globalThis.setTimeout = ((task: () => void, ms: number) => {
    delays.push(ms);
    return original(task, 0);
  }) as typeof setTimeout;
  await new Promise<void>((resolve) => systemClock.after(2 ** 32, resolve));
  globalThis.setTimeout = original;
  t.equal(
    delays.reduce((sum, ms) => sum + ms, 0),
    2 ** 32,
  );
  t.ok(delays.every((ms) => ms < 2 ** 31));
});

t.test('a timer that is cancelled or whose signal aborts does not fire', async (t) => {
  const fired: string[] = [];
  const controller = new AbortController();
  systemClock.after(1, () => fired.push('cancelled'))();
  systemClock.after(1, () => fired.push('aborted'), controller.signal);
  controller.abort();
  await pause(20);
  t.strictSame(fired, []);
});
