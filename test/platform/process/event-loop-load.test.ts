import t from 'tap';
import { EventLoopLoad } from '../../../src/platform/index.js';
import { FakeClock } from '../../support/fakes/fake-clock.js';

t.test('an event loop that is busy for some seconds is full, until it has time to spare', async (t) => {
  const clock = new FakeClock();
  const over = new AbortController();
  const total = { active: 0, idle: 0, processor: 0 };
  const load = new EventLoopLoad(clock, over.signal, () => ({ ...total }));
  const run = async (share: number, seconds: number): Promise<void> => {
    for (let half = 0; half < seconds * 2; half++) {
      total.active += 500 * share;
      total.idle += 500 * (1 - share);
      // Threads of the process that are not the event loop.
      total.processor += 500 * share + 100;
      await clock.advance(500);
    }
  };
  await run(0.7, 10);
  t.ok(Math.abs(load.share - 0.7) < 0.01);
  t.notOk(load.isFull);
  await run(1, 1);
  t.notOk(load.isFull, 'a burst of a second');
  await run(1, 5);
  t.ok(load.isFull);
  await run(0.88, 5);
  t.ok(load.isFull, 'not free yet: it would be full again at once');
  await run(0.5, 3);
  t.notOk(load.isFull);
  over.abort();
  t.equal(clock.pending, 0);
});

t.test('an event loop whose processor others have is full only when it gets too little of it', async (t) => {
  const clock = new FakeClock();
  const total = { active: 0, idle: 0, processor: 0 };
  const load = new EventLoopLoad(clock, new AbortController().signal, () => ({ ...total }));
  const run = async (activeShare: number, seconds: number): Promise<void> => {
    for (let half = 0; half < seconds * 2; half++) {
      total.active += 500 * activeShare;
      total.idle += 500 * (1 - activeShare);
      total.processor += 500 * 0.3;
      await clock.advance(500);
    }
  };
  await run(0.97, 30);
  t.notOk(load.isFull);
  t.ok(Math.abs(load.share - 0.3) < 0.01, 'its own work');
  await run(1, 20);
  t.ok(load.isFull, 'it is never idle');
  await run(0.9, 5);
  t.notOk(load.isFull);
});

t.test('the share of a real event loop is that of its own work', async (t) => {
  const clock = new FakeClock();
  const times = (): { activeMs: number; totalMs: number; processorMs: number } => {
    const { active, idle } = performance.eventLoopUtilization();
    const { user, system } = process.cpuUsage();
    return { activeMs: active, totalMs: active + idle, processorMs: (user + system) / 1_000 };
  };
  const [outerBegin, load, innerBegin] = [
    times(),
    new EventLoopLoad(clock, new AbortController().signal),
    times(),
  ];
  for (const end = performance.now() + 30; performance.now() < end; );
  const innerEnd = times();
  await clock.advance(500);
  const outerEnd = times();
  const worked = (begin: typeof outerBegin, end: typeof outerBegin): number =>
    Math.min(end.activeMs - begin.activeMs, end.processorMs - begin.processorMs);
  const [least, most] = [worked(innerBegin, innerEnd), worked(outerBegin, outerEnd)];
  t.ok(least > 0);
  // The newest interval is a quarter of the average. The bounds are equal but for rounding when nothing else ran.
  const rounding = 1e-9;
  t.ok(load.share >= least / (outerEnd.totalMs - outerBegin.totalMs) / 4 - rounding, `${load.share}`);
  t.ok(
    load.share <= Math.min(1, most / (innerEnd.totalMs - innerBegin.totalMs)) / 4 + rounding,
    `${load.share}`,
  );
});
