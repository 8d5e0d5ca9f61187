import t from 'tap';
import { MissingFrames } from '../../../src/ingest/rtmp/missing-frames.js';

/** Returns the count after frames at these times. */
function count(times: Iterable<number>): number | undefined {
  const missing = new MissingFrames();
  for (const time of times) missing.addFrame(time);
  return missing.count;
}

function frames(
  rate: number,
  pictures: number,
  isDropped: (index: number) => boolean = () => false,
): number[] {
  return Array.from({ length: pictures }, (_, index) => index)
    .filter((index) => !isDropped(index))
    .map((index) => Math.round((index * 1_000) / rate));
}

t.test('a regular frame rate has no missing frames, at any rate', async (t) => {
  for (const rate of [10, 24, 25, 29.97, 30, 50, 59.94, 60, 120])
    t.equal(count(frames(rate, 600)), 0, `${rate} a second`);
});

t.test('dropped frames are counted, single and consecutive', async (t) => {
  for (const rate of [25, 30, 59.94, 60]) {
    t.equal(count(frames(rate, 600, (index) => index > 60 && index % 40 === 0)), 13, `${rate}: single ones`);
    t.equal(count(frames(rate, 600, (index) => index >= 200 && index < 245)), 45, `${rate}: a row`);
  }
});

t.test('the count is undefined before the frame rate is known and for an irregular one', async (t) => {
  t.equal(count([]), undefined);
  t.equal(count(frames(30, 10)), undefined);
  t.equal(count(frames(30, 16)), 0);
  let time = 0;
  const irregular = Array.from(
    { length: 300 },
    (_, index) => (time += [5, 40, 90, 15, 200][(index * 7) % 5] ?? 0),
  );
  t.equal(count(irregular), undefined);
});

t.test('pauses and timestamps that stand still or go back count no missing frames', async (t) => {
  const before = frames(30, 100);
  const after = (shift: number) => before.map((time) => time + shift);
  t.equal(count([...before, ...after(20_000)]), 0);
  t.equal(count([...before, ...before]), 0);
  t.equal(count([...before, 3_300, 3_300, ...after(3_333)]), 0);
});
