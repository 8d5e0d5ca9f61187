import t, { type Test } from 'tap';
import { NEEDS, needOf, schedule, type TestPriority, USABLE } from '../../scripts/test-schedule.js';

const [first = '', second = ''] = Object.keys(NEEDS);
const LIGHT = Array.from({ length: 20 }, (_, index) => `test/api/${index}.test.ts`);
const REAL_TIME = Array.from({ length: 9 }, (_, index) => `test/egress/${index}.test.ts`);

/** Start of a file, with the files that run then, itself included. */
type Start = { file: string; priority: TestPriority; running: string[] };

/** Runs files that take some turns each. @returns their starts */
async function startsOf(t: Test, files: string[], processors: number): Promise<Start[]> {
  const starts: Start[] = [];
  const running = new Set<string>();
  await schedule(files, processors, async (file, priority) => {
    running.add(file);
    starts.push({ file, priority, running: [...running] });
    for (let turn = 0; turn < 3 + (starts.length % 4); turn++) await Promise.resolve();
    running.delete(file);
  });
  t.same(starts.map(({ file }) => file).toSorted(), files.toSorted(), 'every file runs once');
  return starts;
}

const isRealTime = (file: string): boolean => needOf(file) !== undefined;

t.test('files with media in real time run side by side while their needs fit', async (t) => {
  for (const processors of [1, 2, 4]) {
    let most = 0;
    for (const { running } of await startsOf(t, [...LIGHT, ...REAL_TIME, first, second], processors)) {
      const realTime = running.filter(isRealTime);
      most = Math.max(most, realTime.length);
      const needs = realTime.reduce((sum, file) => sum + (needOf(file) ?? 0), 0);
      t.ok(realTime.length === 1 || needs <= USABLE * processors, `${needs} %: ${realTime.join(' ')}`);
      t.ok(realTime.length <= 2 * processors);
    }
    t.ok(most > processors, `${most} of them at once`);
  }
});

t.test('beside them runs one file of low priority, and more at the end', async (t) => {
  const starts = await startsOf(t, [...LIGHT, ...REAL_TIME], 2);
  const lastRealTime = starts.findLastIndex(({ file }) => isRealTime(file));
  let most = 0;
  for (const [index, { file, priority, running }] of starts.entries()) {
    const others = running.filter((one) => !isRealTime(one)).length;
    if (isRealTime(file)) t.equal(priority, 'normal');
    else t.equal(priority, others < running.length ? 'low' : 'normal');
    most = Math.max(most, others);
    t.ok(others <= (index < lastRealTime ? 1 : 3), `${others} beside ${running.join(' ')}`);
  }
  t.equal(most, 3, 'one more than there are processors, as they also wait');
});

t.test('listed files start first, in their order, where all fit', async (t) => {
  const starts = await startsOf(t, [...REAL_TIME, second, first], 16);
  t.same(
    starts.slice(0, 2).map(({ file }) => file),
    [first, second],
  );
});

t.test('no file needs more than two processors have', async (t) => {
  for (const [file, need] of Object.entries(NEEDS)) t.ok(need > 0 && need <= 2 * USABLE, file);
});

t.test('a file that cannot be run rejects the result, and an empty list completes', async (t) => {
  await t.rejects(
    schedule(LIGHT, 2, async () => {
      throw new Error('no program');
    }),
    { message: 'no program' },
  );
  await schedule([], 4, async (file) => void t.fail(file));
});
