import t from 'tap';
import { ALONE, schedule } from '../../scripts/test-schedule.js';

const [first = '', second = ''] = ALONE;
const SHARED = [
  'test/api/a.test.ts',
  'test/gateway/b.test.ts',
  'test/gateway/c.test.ts',
  'test/egress/d.test.ts',
];

t.test('every file runs once within the concurrency', async (t) => {
  const ran: string[] = [];
  let running = 0;
  let most = 0;
  const files = [first, ...SHARED, 'test/ingest/e.test.ts', second];
  await schedule(files, 3, async (file) => {
    ran.push(file);
    most = Math.max(most, ++running);
    for (let turn = 0; turn < 3; turn++) await Promise.resolve();
    running--;
  });
  t.equal(most, 3);
  t.same(ran.toSorted(), files.toSorted());
});

t.test('some files run first, and beside them only files of low priority without real time', async (t) => {
  const ran: string[] = [];
  const light = Array.from({ length: 20 }, (_, index) => `test/api/${index}.test.ts`);
  const running = new Set<string>();
  const besides = new Set<string>();
  await schedule(['test/egress/e.test.ts', ...light, first, second], 3, async (file, priority) => {
    ran.push(file);
    running.add(file);
    const alone = ALONE.find((one) => running.has(one));
    if (alone !== undefined && !ALONE.includes(file)) {
      besides.add(file);
      t.match(file, /^test\/api/);
      t.equal(priority, 'low', file);
    }
    if (!file.includes('/api/')) t.equal(priority, 'normal', file);
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    running.delete(file);
  });
  t.ok(besides.size > 1 && besides.size < 20, `${besides.size} files`);
  t.ok(ran.indexOf(second) < ran.indexOf('test/egress/e.test.ts'));
  t.equal(ran.length, 23);
});

t.test('at most two gateway tests run side by side', async (t) => {
  const files = [
    'test/egress/a.test.ts',
    ...Array.from({ length: 9 }, (_, index) => `test/gateway/${index}.test.ts`),
  ];
  let running = 0;
  let most = 0;
  const ran: string[] = [];
  await schedule(files, 4, async (file) => {
    ran.push(file);
    most = Math.max(most, ++running);
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    running--;
  });
  t.equal(most, 2);
  t.equal(ran.length, files.length);
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
  t.same(ran.toSorted(), SHARED.toSorted());
  await schedule([], 4, async (file) => void t.fail(file));
});
