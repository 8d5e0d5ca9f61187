import t from 'tap';
import { BoundedCalls, RevalidatingCache } from '../../src/platform/index.js';
import { FakeClock } from '../support/fakes/fake-clock.js';

const LATE = { status: 503, code: 'temporarily_unavailable' };

/** Opens a cache over a source that the test answers. Values that begin with `public` may be served stale. */
function open(options: { maxEntries?: number } = {}) {
  const clock = new FakeClock();
  const calls = new BoundedCalls({ clock, timeoutMs: 1_000, maxOverdue: 3 });
  const loads: { key: string; resolve: (value: string) => void; reject: (error: Error) => void }[] = [];
  const cache = new RevalidatingCache<string>({
    load: (key) =>
      new Promise((resolve, reject) => {
        loads.push({ key, resolve, reject });
      }),
    mayServeStale: (_key, value) => value.startsWith('public'),
    freshMs: 1_000,
    maxStaleMs: 60_000,
    maxEntries: 10,
    calls,
    clock,
    ...options,
  });
  /** Loads a value and lets it become stale. */
  const loadStale = async (key: string, value: string): Promise<void> => {
    const got = cache.get(key);
    loads.at(-1)?.resolve(value);
    await got;
    await clock.advance(1_500);
  };
  return { clock, calls, loads, cache, loadStale };
}

t.test('concurrent requests share one load, and a fresh value needs none', async (t) => {
  const { cache, clock, loads } = open();
  const asked = [cache.get('a'), cache.get('a'), cache.get('b')];
  t.strictSame(
    loads.map(({ key }) => key),
    ['a', 'b'],
  );
  loads[0]?.resolve('one');
  loads[1]?.resolve('two');
  t.strictSame(await Promise.all(asked), ['one', 'one', 'two']);
  await clock.advance(999);
  t.equal(await cache.get('a'), 'one');
  t.equal(loads.length, 2);
  await clock.advance(1);
  const again = cache.get('a');
  loads[2]?.resolve('three');
  t.equal(await again, 'three');
  t.equal(clock.pending, 0, 'no timer is left');
});

t.test('while the source hangs a stale value is served after a second, up to its maximum age', async (t) => {
  const { cache, clock, loads, loadStale } = open();
  await loadStale('open', 'public 1');
  await loadStale('closed', 'private 1');
  const [open1, closed1, unknown] = [cache.get('open'), cache.get('closed'), cache.get('new')];
  const refused = [t.rejects(closed1, LATE), t.rejects(unknown, LATE)];
  await clock.advance(1_000);
  t.equal(await open1, 'public 1');
  await Promise.all(refused);
  const before = loads.length;
  t.equal(await cache.get('open'), 'public 1', 'a later request does not wait');
  t.equal(loads.length, before, 'it loads nothing');
  await clock.advance(60_000);
  await t.rejects(cache.get('open'), LATE, 'not beyond the maximum age');
  for (const { resolve } of loads) resolve('public 2');
  await clock.advance(0);
  const after = cache.get('open');
  loads.at(-1)?.resolve('public 3');
  t.match(await after, /public/);
});

t.test('a forgotten value is not served again, nor one whose load began before', async (t) => {
  const { cache, clock, loads, loadStale } = open();
  await loadStale('a', 'public 1');
  t.equal(cache.peek('a'), 'public 1', 'peek returns it and reloads it');
  const late = loads.at(-1);
  cache.forget('a');
  t.equal(cache.peek('a'), undefined);
  late?.resolve('public 1');
  await clock.advance(0);
  t.equal(cache.peek('a'), undefined, 'the load began before the change');
  const now = cache.get('a');
  loads.at(-1)?.resolve('private 2');
  t.equal(await now, 'private 2');
  t.equal(cache.peek('a'), 'private 2');
});

t.test('peek causes one load, and a failed load leaves the last value', async (t) => {
  const { cache, clock, loads, loadStale } = open();
  await loadStale('a', 'public 1');
  for (let index = 0; index < 100; index++) t.equal(cache.peek('a'), 'public 1');
  t.equal(loads.length, 2);
  loads[1]?.reject(new Error('away'));
  await clock.advance(0);
  t.equal(cache.peek('a'), 'public 1');
  const failing = cache.get('a');
  loads.at(-1)?.reject(new Error('away'));
  t.equal(await failing, 'public 1', 'get returns it too');
});

t.test('overdue calls are limited, and one probe a second detects the recovery', async (t) => {
  const { calls, clock } = open();
  let made = 0;
  const settles: (() => void)[] = [];
  const call = (): Promise<void> => {
    made++;
    return new Promise((resolve) => {
      settles.push(resolve);
    });
  };
  const first = [1, 2, 3].map(() => t.rejects(calls.run(call), LATE));
  await clock.advance(1_000);
  await Promise.all(first);
  t.equal(calls.overdue, 3);
  const probe = t.rejects(calls.run(call), LATE);
  for (let index = 0; index < 1_000; index++) await t.rejects(calls.run(call), LATE);
  t.equal(made, 4, 'one of a thousand is called');
  await clock.advance(1_000);
  await probe;
  for (const settle of settles) settle();
  await clock.advance(0);
  t.equal(calls.overdue, 0);
  await calls.run(async () => {});
  t.equal(clock.pending, 0);
});

t.test('keys requested while calls are refused evict no known value', async (t) => {
  const { cache, clock, loadStale } = open({ maxEntries: 5 });
  await loadStale('open', 'public 1');
  const hanging = ['x', 'y', 'z'].map((key) => t.rejects(cache.get(key), LATE));
  await clock.advance(1_000);
  await Promise.all(hanging);
  const probe = t.rejects(cache.get('probe'), LATE);
  for (let index = 0; index < 50; index++) await t.rejects(cache.get(`flood ${index}`), LATE);
  await clock.advance(1_000);
  await probe;
  const known = cache.get('open');
  await clock.advance(1_000);
  t.equal(await known, 'public 1');
});
