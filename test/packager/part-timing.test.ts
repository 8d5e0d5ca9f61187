import t from 'tap';
import { fitToFrames, fitToSegment, partTargetS } from '../../src/packager/part-timing.js';

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
