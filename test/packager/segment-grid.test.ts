import t from 'tap';
import { type Cut, SegmentGrid, type SegmentGridOptions } from '../../src/packager/segment-grid.js';
import { seededRandom } from '../support/media/seeded-random.js';

function grid(options: Partial<SegmentGridOptions> = {}): SegmentGrid {
  let msn = 0;
  return new SegmentGrid({
    segmentDurationS: 2,
    partDurationS: 1 / 3,
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
