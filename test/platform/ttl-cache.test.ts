import t from 'tap';
import { TtlCache } from '../../src/platform/index.js';
import { FakeClock } from '../support/fakes/fake-clock.js';

function createCache(options: { maxEntries?: number; shouldKeep?: (value: number) => boolean } = {}) {
  const clock = new FakeClock();
  return { clock, cache: new TtlCache<number>({ clock, ttlMs: 1_000, maxEntries: 10, ...options }) };
}

t.test('a result is returned again until its time to live, counted from the request, is over', async (t) => {
  const { clock, cache } = createCache();
  let loads = 0;
  const load = async () => ++loads;
  t.equal(await cache.get('a', load), 1);
  await clock.advance(999);
  t.equal(await cache.get('a', load), 1);
  await clock.advance(1);
  t.equal(await cache.get('a', load), 2);
  t.equal(await cache.get('b', load), 3);
});

t.test('a key forgotten during its lookup is looked up again by later requests', async (t) => {
  const { cache } = createCache();
  let finish = (_value: number): void => {};
  const slow = cache.get('a', () => new Promise((resolve) => (finish = resolve)));
  cache.forget('a');
  t.equal(await cache.get('a', async () => 2), 2);
  finish(1);
  t.equal(await slow, 1);
  t.equal(await cache.get('a', async () => 3), 2, 'the older result does not replace the newer one');
  cache.clear();
  t.equal(await cache.get('a', async () => 4), 4);
});

t.test('a failed lookup rejects every concurrent request and is not cached', async (t) => {
  const { cache } = createCache();
  const failing = async (): Promise<number> => {
    throw new Error('away');
  };
  const pending = [cache.get('a', failing), cache.get('a', failing)];
  for (const result of pending) await t.rejects(result, { message: 'away' });
  t.equal(await cache.get('a', async () => 1), 1);
});

t.test('a result that shouldKeep refuses is looked up again', async (t) => {
  const { cache } = createCache({ shouldKeep: (value) => value > 0 });
  t.equal(await cache.get('a', async () => 0), 0);
  t.equal(await cache.get('a', async () => 1), 1);
  t.equal(await cache.get('a', async () => 2), 1);
});

t.test('the entry looked up longest ago is evicted when the cache is full', async (t) => {
  const { cache } = createCache({ maxEntries: 2 });
  for (const key of ['a', 'b', 'c']) await cache.get(key, async () => 1);
  t.equal(await cache.get('c', async () => 2), 1);
  t.equal(await cache.get('a', async () => 2), 2, 'the oldest entry was evicted');
});
