import t from 'tap';
import { Sweeper } from '../../../src/platform/index.js';
import { FakeClock } from '../../support/fakes/fake-clock.js';
import { recordLog } from '../../support/fixtures/log-record.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Creates a table with this many old rows. */
function table(rows: number) {
  const asked: { before: Date; atMost: number }[] = [];
  const sweep = async (before: Date, atMost: number): Promise<number> => {
    asked.push({ before, atMost });
    const swept = Math.min(rows, atMost);
    rows -= swept;
    return swept;
  };
  return { asked, sweep, left: () => rows };
}

t.test('expired rows are deleted in small batches with pauses, then every hour', async (t) => {
  const clock = new FakeClock();
  const { log, lines } = recordLog();
  const { asked, sweep, left } = table(2_500);
  const sweeper = new Sweeper({ rowsName: 'things', days: 30, sweep, clock, log });
  t.same(asked, []);
  sweeper.start();
  const before = new Date(clock.now() - 30 * DAY_MS);
  await clock.advance(99);
  t.same(asked, [{ before, atMost: 1_000 }], 'other queries have their turn');
  await clock.advance(500);
  t.equal(asked.length, 3);
  t.equal(left(), 0);
  t.match(lines().at(-1), { what: 'things', deleted: 2_500 });
  await clock.advance(HOUR_MS);
  t.equal(asked.length, 4);
  t.same(asked[3]?.before, new Date(before.getTime() + HOUR_MS));
  sweeper.close();
  await clock.advance(10 * HOUR_MS);
  t.equal(asked.length, 4);
  t.equal(clock.pending, 0);
});

t.test('a retention of 0 deletes nothing', async (t) => {
  const clock = new FakeClock();
  const { asked, sweep } = table(1);
  new Sweeper({ rowsName: 'things', days: 0, sweep, clock, log: recordLog().log }).start();
  await clock.advance(2 * HOUR_MS);
  t.same(asked, []);
  t.equal(clock.pending, 0);
});

t.test('sweeps do not overlap, are repeated after a failure, and end with close', async (t) => {
  const clock = new FakeClock();
  const { log, lines } = recordLog();
  let asked = 0;
  let answer = (_swept: number): void => {};
  let fail = (_error: Error): void => {};
  const sweep = (): Promise<number> => {
    asked++;
    return new Promise((resolve, reject) => {
      answer = resolve;
      fail = reject;
    });
  };
  const sweeper = new Sweeper({ rowsName: 'things', days: 1, sweep, clock, log });
  sweeper.start();
  await clock.advance(5 * HOUR_MS);
  t.equal(asked, 1);
  fail(new Error('no such table'));
  await clock.advance(HOUR_MS);
  t.equal(asked, 2);
  t.match(lines(), [{ what: 'things', err: { message: 'no such table' } }]);
  sweeper.close();
  answer(1_000);
  await clock.advance(HOUR_MS);
  t.equal(asked, 2);
});
