import t from 'tap';
import { BatchWriter, type BatchWriterLimits } from '../../src/chat/batch-writer.js';
import { FakeClock } from '../support/fakes/fake-clock.js';
import { recordLog } from '../support/fixtures/log-record.js';

const LIMITS: BatchWriterLimits = {
  maxItems: 10,
  maxBatch: 4,
  batchIntervalMs: 20,
  attemptTimeoutMs: 1_000,
  itemTimeoutMs: 5_000,
  closeTimeoutMs: 2_000,
};
const away = Object.assign(new Error('away'), { code: 'ECONNREFUSED' });

/** Creates a writer whose `write` runs `answer`. */
function openWriter(answer: (items: number[], attempt: number) => Promise<void>) {
  const clock = new FakeClock();
  const batches: number[][] = [];
  const { log } = recordLog();
  const write = async (items: number[]): Promise<string[]> => {
    batches.push(items);
    await answer(items, batches.length);
    return items.map((item) => `stored ${item}`);
  };
  return { clock, batches, writer: new BatchWriter({ write, clock, log, limits: LIMITS }) };
}

t.test('the first item is written at once, later ones in one batch and in order', async (t) => {
  let release = (): void => {};
  const { clock, batches, writer } = openWriter(() => new Promise((resolve) => (release = resolve)));
  const settled: string[] = [];
  const add = (...items: number[]): void => {
    for (const item of items)
      void writer.add(item).then((result) => {
        settled.push(result);
      });
  };
  add(1, 2);
  await clock.advance(0);
  t.same(batches, [[1, 2]], 'no wait for further items');
  add(3);
  await clock.advance(5);
  release();
  add(4, 5);
  await clock.advance(14);
  t.same(settled, ['stored 1', 'stored 2']);
  t.equal(batches.length, 1, 'the next batch starts 20 ms after the first');
  add(6);
  await clock.advance(1);
  t.same(batches[1], [3, 4, 5, 6]);
  add(7);
  await clock.advance(500);
  t.equal(batches.length, 2, 'the next batch waits for the one in flight');
  t.equal(settled.length, 2, 'no item resolves before it is written');
  release();
  await clock.advance(0);
  t.same(batches[2], [7], 'written at once after the interval');
  add(8, 9, 10, 11, 12);
  release();
  await clock.advance(0);
  t.same(batches[3], [8, 9, 10, 11], 'a full batch does not wait, and holds no more than its limit');
  release();
  await clock.advance(20);
  release();
  await writer.settled();
  t.equal(settled.length, 12);
});

t.test('a batch is retried while the database is unavailable', async (t) => {
  const { clock, batches, writer } = openWriter(async (_items, attempt) => {
    if (attempt <= 3) throw away;
  });
  const added = Promise.all([writer.add(1), writer.add(2)]);
  await clock.advance(50 + 100 + 200);
  t.same(await added, ['stored 1', 'stored 2']);
  t.same(batches, [
    [1, 2],
    [1, 2],
    [1, 2],
    [1, 2],
  ]);
});

t.test(
  'items that exceed their timeout are rejected, and items beyond the limit get chat_overloaded',
  async (t) => {
    const { clock, writer } = openWriter(() => Promise.reject(away));
    const added = Array.from({ length: 10 }, (_, item) => writer.add(item));
    const outcomes = Promise.allSettled(added);
    await t.rejects(writer.add(11), { status: 503, code: 'chat_overloaded' });
    t.throws(() => writer.assertAccepting(), { code: 'chat_overloaded' });
    await clock.advance(20_000);
    for (const outcome of await outcomes)
      t.match(outcome, { status: 'rejected', reason: { status: 503, code: 'temporarily_unavailable' } });
    t.doesNotThrow(() => writer.assertAccepting());
  },
);

t.test('an attempt without an answer counts as unavailable and is retried', async (t) => {
  const { clock, batches, writer } = openWriter((_items, attempt) =>
    attempt === 1 ? new Promise(() => {}) : Promise.resolve(),
  );
  const added = writer.add(1);
  await clock.advance(LIMITS.attemptTimeoutMs + 50);
  t.equal(await added, 'stored 1');
  t.equal(batches.length, 2);
});

t.test('an item that the database rejects does not affect its batch', async (t) => {
  const { writer } = openWriter(async (items) => {
    if (items.includes(2)) throw new Error('not this one');
  });
  const outcomes = Promise.allSettled([1, 2, 3].map((item) => writer.add(item)));
  t.match(await outcomes, [
    { value: 'stored 1' },
    { status: 'rejected', reason: { message: 'not this one' } },
    { value: 'stored 3' },
  ]);
});

t.test('close writes the remaining items and rejects new ones', async (t) => {
  const { batches, writer } = openWriter(async () => {});
  const added = writer.add(1);
  await writer.close();
  t.equal(await added, 'stored 1');
  t.equal(batches.length, 1);
  await t.rejects(writer.add(2), { status: 503, code: 'shutting_down' });
});

t.test('close gives up an unavailable database after its timeout', async (t) => {
  const { clock, writer } = openWriter(() => Promise.reject(away));
  const added = writer.add(1);
  const refused = t.rejects(added, { code: 'temporarily_unavailable' });
  const closed = writer.close();
  await clock.advance(LIMITS.closeTimeoutMs + 1_000);
  await closed;
  await refused;
});
