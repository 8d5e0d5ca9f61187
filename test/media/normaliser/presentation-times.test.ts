import t from 'tap';
import { type FrameTimes, PresentationTimes } from '../../../src/media/index.js';
import { seededRandom } from '../../support/media/seeded-random.js';

const FRAME_MS = 40;
/** Composition times of I, P and two B frames with 25 frames per second, ms. */
const REORDERED = [80, 200, 80, 0, 40, 200, 80, 0, 40];

function place(times: PresentationTimes, compositionMs: readonly number[]): (FrameTimes | undefined)[] {
  return compositionMs.map((ms, i) => times.place(i * FRAME_MS, ms));
}

const presented = (frames: (FrameTimes | undefined)[]): number[] =>
  frames.map((frame) => frame!.decodeTime + frame!.compositionTime);

t.test('valid times are kept', async (t) => {
  const times = new PresentationTimes([REORDERED[0]!], 79);
  t.equal(times.offsetMs, 0);
  t.strictSame(
    place(times, REORDERED).map((frame) => [frame?.decodeTime, frame?.compositionTime]),
    REORDERED.map((ms, i) => [i * FRAME_MS, ms]),
  );
});

t.test(
  'negative composition times become decode times that are earlier, and presentation stays',
  async (t) => {
    const shifted = REORDERED.map((ms) => ms - 80);
    for (const [first, reorderMs] of [
      [shifted.slice(0, 1), 79],
      [shifted, 0],
    ] as const) {
      const times = new PresentationTimes(first, reorderMs);
      const frames = place(times, shifted);
      t.ok(frames.every((frame) => frame!.compositionTime >= 0));
      t.strictSame(
        presented(frames),
        shifted.map((ms, i) => i * FRAME_MS + ms + times.offsetMs),
      );
      t.equal(new Set(presented(frames)).size, frames.length);
    }
  },
);

t.test('negative composition times that nothing announces cost distinctness of no frame', async (t) => {
  const frames = place(new PresentationTimes([0]), [0, ...REORDERED.map((ms) => ms - 80)]);
  t.equal(new Set(presented(frames)).size, frames.length);
  t.ok(frames.every((frame, i) => i === 0 || frame!.decodeTime > frames[i - 1]!.decodeTime));
});

t.test('a single absurd composition time is replaced by that of its neighbour', async (t) => {
  const frames = place(new PresentationTimes([80], 0), [80, 80, 5_000_000, 80]);
  t.same(
    frames.map((frame) => frame?.compositionTime),
    [80, 80, 80, 80],
  );
  t.equal(new PresentationTimes([-8_000_000], 0).offsetMs, 0);
});

t.test('random times become increasing decode times and distinct presentation times', async (t) => {
  const random = seededRandom(20_261_129);
  for (let round = 0; round < 500; round++) {
    const first = Math.round((random() - 0.5) * 400);
    const times = new PresentationTimes([first], random() < 0.5 ? 0 : 80);
    let decodeTime = 0;
    let last = -1;
    const recent: number[] = [];
    for (let i = 0; i < 60; i++) {
      const wild = random() < 0.02 ? 1e7 : 400;
      const frame = times.place(
        (decodeTime += Math.floor(random() * 50)),
        Math.round((random() - 0.5) * wild),
      );
      if (!frame) continue;
      const at = frame.decodeTime + frame.compositionTime;
      if (
        frame.decodeTime <= last ||
        frame.compositionTime < 0 ||
        recent.includes(at) ||
        at > decodeTime + 5_000
      )
        t.fail(`round ${round}: ${JSON.stringify(frame)} after ${last}`);
      last = frame.decodeTime;
      recent.push(at);
      if (recent.length > 32) recent.shift();
    }
  }
});
