import t from 'tap';
import { ALONE, schedule } from '../../scripts/test-schedule.js';

const [first = '', second = ''] = ALONE;
const SHARED = [
  'test/api/a.test.ts',
  'test/gateway/b.test.ts',
  'test/gateway/c.test.ts',
  'test/web/d.test.ts',
];

t.test('every file runs once, so many at a time, and some alone', async (t) => {
  const ran: string[] = [];
  let running: string[] = [];
  let most = 0;
  await schedule([first, ...SHARED, second], 3, async (file) => {
    ran.push(file);
    running.push(file);
    most = Math.max(most, running.length);
    if (ALONE.includes(file)) t.same(running, [file], `${file} is alone`);
    for (let turn = 0; turn < 3; turn++) await Promise.resolve();
    running = running.filter((other) => other !== file);
  });
  t.equal(most, 3);
  t.same(ran.toSorted(), [first, ...SHARED, second].toSorted());
  t.same(ran.slice(-2), [first, second]);
});

t.test('whole gateways have one lane while there is something else', async (t) => {
  const ran: string[] = [];
  await schedule(SHARED, 2, async (file) => {
    ran.push(file);
    await Promise.resolve();
  });
  t.same(
    ran.map((file) => file.includes('/gateway/')),
    [true, false, true, false],
  );
});

t.test('one lane is enough, and nothing to do is done', async (t) => {
  const ran: string[] = [];
  await schedule(SHARED, 1, async (file) => void ran.push(file));
  t.same(ran.toSorted(), SHARED);
  await schedule([], 4, async (file) => void t.fail(file));
});
