import t from 'tap';
import { ALONE, schedule } from '../../scripts/test-schedule.js';

const [first = '', second = ''] = ALONE;
const SHARED = [
  'test/api/a.test.ts',
  'test/gateway/b.test.ts',
  'test/gateway/c.test.ts',
  'test/web/d.test.ts',
];

t.test('every file runs once within the concurrency, and some run alone', async (t) => {
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

t.test('gateway tests run on one worker while other files are queued', async (t) => {
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

t.test('a single worker runs every file, and an empty list completes', async (t) => {
  const ran: string[] = [];
  await schedule(SHARED, 1, async (file) => void ran.push(file));
  t.same(ran.toSorted(), SHARED);
  await schedule([], 4, async (file) => void t.fail(file));
});
