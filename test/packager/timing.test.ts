import t from 'tap';
import { BlockingRequests, type WaitState } from '../../src/packager/blocking-requests.js';
import { fitToFrames, fitToSegment, partTargetS } from '../../src/packager/part-timing.js';
import { type Cut, SegmentGrid, type SegmentGridOptions } from '../../src/packager/segment-grid.js';
import { SequenceNumbers } from '../../src/packager/sequence-numbers.js';
import { FakeClock } from '../support/fakes/fake-clock.js';
import { seededRandom } from '../support/media/seeded-random.js';

t.test('parts of all usual frame rates last 85 to 100 % of their target', async (t) => {
  for (const rate of [10, 12.5, 15, 23.976, 24, 25, 29.97, 30, 48, 50, 59.94, 60, 120, 46.875, 43.07]) {
    for (const configured of [0.2, 0.25, 1 / 3, 0.5, 1]) {
      const frame = 1 / rate;
      const frames = Math.round(2 * rate);
      const nominal = fitToFrames(configured, frame);
      const part = fitToSegment(nominal, frames * frame, frame);
      const target = partTargetS(nominal, frame);
      let end = 0;
      for (let index = 1; index <= frames; index++) {
        const boundary = (Math.round(end / part) + 1) * part;
        if (index * frame < boundary - frame / 2 - 1e-6 && index < frames) continue;
        const duration = index * frame - end;
        const last = index === frames;
        if (duration > target || (duration < 0.85 * target && !last)) {
          t.fail(`${rate} frames a second, ${configured} s: a part of ${duration} s, target ${target} s`);
        }
        end = index * frame;
      }
      t.equal(end, frames * frame);
    }
  }
});

function grid(options: Partial<SegmentGridOptions> = {}): SegmentGrid {
  let msn = 0;
  return new SegmentGrid({
    segmentDuration: 2,
    partDuration: 1 / 3,
    keyframes: undefined,
    number: () => msn++,
    ...options,
  });
}
function cuts(grid: SegmentGrid, keyframes: number[]): Cut[] {
  const found: Cut[] = [];
  for (const pts of keyframes) {
    grid.offerKeyframe(pts);
    if (grid.last && grid.last !== found.at(-1)) found.push(grid.last);
  }
  return found;
}

t.test(
  'keyframes that come too soon make no segment, and the same one is offered by every rendition',
  async (t) => {
    const found = cuts(grid(), [10, 10, 11, 12, 12, 12, 13.1, 14, 16]);
    t.same(
      found.map(({ pts, msn }) => [pts, msn]),
      [10, 12, 14, 16].map((pts, msn) => [pts, msn]),
    );
  },
);

t.test('segments of an encoder with clocked keyframes are predicted from its first frame', async (t) => {
  const frame = 1001 / 30_000;
  const clocked = grid({ keyframes: { intervalS: 2, clock: { frameS: frame } } });
  const keyframes: number[] = [];
  let slot = -1;
  // As the encoder decides: the first frame of each two seconds.
  for (let index = 0; index < 1000; index++) {
    const pts = 11.1 + index * frame;
    const now = Math.floor((pts + 0.002) / 2);
    if (now !== slot) keyframes.push(pts);
    slot = now;
  }
  const found = cuts(clocked, keyframes);
  t.equal(found[1]?.pts.toFixed(1), '12.0', 'the first segment is cut short, or it would last 2.9 s');
  for (const [index, cut] of found.slice(0, -1).entries()) {
    const real = found[index + 1]!.pts - cut.pts;
    t.ok(Math.abs(cut.expectedDurationS! - real) < 0.001, `${cut.expectedDurationS} expected, ${real} came`);
    t.equal(cut.minimumDurationS, cut.expectedDurationS);
  }
});

t.test('irregular keyframes are not predicted', async (t) => {
  const found = cuts(grid(), [10, 12, 14, 17.1, 18.7]);
  t.equal(found[2]?.expectedDurationS, 2);
  t.equal(found.at(-1)?.expectedDurationS, undefined);
  t.equal(found.at(-1)?.minimumDurationS, 1.2, 'but none comes before this');
});

t.test('sequence numbers are limited to two a second and not repeated after a resume', async (t) => {
  const clock = new FakeClock();
  const startedAt = clock.now();
  const first = new SequenceNumbers({ startedAt, resumed: false }, clock);
  t.equal(first.take(), 0);
  let last = 0;
  for (let ms = 0; ms < 20_000; ms += 50) {
    await clock.advance(50);
    while (first.available) last = first.take();
  }
  t.ok(last <= 40 + 32, `${last} after 20 s of taking all that can be had`);
  const second = new SequenceNumbers({ startedAt, resumed: true }, clock);
  t.ok(second.available);
  t.ok(second.take() > last - 1);
  await clock.advance(1000);
  t.ok(new SequenceNumbers({ startedAt, resumed: true }, clock).take() > last);
});

t.test('blocked requests end when ready, at the timeout, when cancelled and at close', async (t) => {
  const clock = new FakeClock();
  const requests = new BlockingRequests(clock, 4);
  const queue = requests.queue();
  let state: WaitState = 'wait';
  const one = queue.wait(() => state, 1000)!;
  await clock.advance(400);
  const two = queue.wait(() => 'wait', 1000)!;
  const three = queue.wait(() => 'wait', 1000)!;
  const four = requests.queue().wait(() => 'wait', 60_000)!;
  t.equal(
    queue.wait(() => 'wait', 1000),
    undefined,
    'the limit is reached',
  );
  t.equal(clock.pending, 2, 'one timer a queue');
  state = 'ready';
  queue.changed();
  t.equal(await one.outcome, 'ready');
  three.cancel();
  three.cancel();
  t.equal(await three.outcome, 'cancelled');
  t.equal(requests.waitingCount, 2);
  await clock.advance(999);
  t.equal(requests.waitingCount, 2);
  await clock.advance(1);
  t.equal(await two.outcome, 'late');
  requests.close();
  t.equal(await four.outcome, 'closed');
  t.equal(requests.waitingCount, 0);
  t.equal(clock.pending, 0);
  t.equal(
    queue.wait(() => 'wait', 1),
    undefined,
  );
});

t.test(
  'no interval, frame or time that a source may have makes the grid loop or gives it an impossible part',
  async (t) => {
    const random = seededRandom(8);
    const absurd = [0, -0, -1, 1e-300, 1e-9, 1 / 3, 59.9, 1e9, 1e300, Infinity, -Infinity, Number.NaN];
    const any = (): number =>
      random() < 0.7 ? absurd[Math.floor(random() * absurd.length)]! : random() * 10;
    const impossible: string[] = [];
    for (let round = 0; round < 5_000; round++) {
      const clock = random() < 0.5 ? { clock: { frameS: random() < 0.2 ? undefined : any() } } : {};
      const wild = grid({ keyframes: { intervalS: any(), ...clock } });
      wild.fitPartsTo(any());
      for (let pts = 10 + random(), cut = 0; cut < 5 && Number.isFinite(pts); cut++, pts += any())
        wild.offerKeyframe(pts);
      const { last, partDurationS } = wild;
      const numbers = last ? [last.partDurationS, last.minimumDurationS, last.expectedDurationS ?? 1] : [];
      if (!numbers.every((number) => number > 0 && number <= 120)) impossible.push(JSON.stringify(last));
      if (!(partDurationS > 0 && partDurationS <= 2)) impossible.push(`parts of ${partDurationS} s`);
    }
    t.same(impossible.slice(0, 3), []);
  },
);
