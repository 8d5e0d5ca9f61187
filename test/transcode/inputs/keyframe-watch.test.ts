import t from 'tap';
import { KeyframeWatch } from '../../../src/transcode/inputs/keyframe-watch.js';

/** Pictures at 25 frames per second with keyframes at the given seconds, until `end`. */
function faultOf(keyframes: number[], end: number): string | undefined {
  const watch = new KeyframeWatch();
  const times = new Set(keyframes.map((seconds) => seconds * 1000));
  for (let at = 0; at <= end * 1000; at += 40) watch.picture(at, times.has(at));
  return watch.fault;
}

t.test('regular keyframes from 0.9 to 4 s apart can be passed through', async (t) => {
  for (const interval of [0.92, 1, 2, 3, 4]) {
    const times = Array.from({ length: 8 }, (_, index) => Math.round(index * interval * 25) / 25);
    t.equal(faultOf(times, interval * 7), undefined, `${interval} s`);
  }
});

t.test('a missing keyframe is detected shortly after 4 s', async (t) => {
  t.equal(faultOf([0], 4), undefined);
  t.equal(faultOf([0], 4.2), 'too-far-apart');
  t.equal(faultOf([3, 5], 6), undefined);
  t.equal(faultOf([], 4.2), 'too-far-apart', 'measured from the first picture');
});

t.test('one irregular keyframe is tolerated, and several are not', async (t) => {
  t.equal(faultOf([0, 2, 4, 5.2, 7.2, 9.2], 10), undefined, 'a scene cut');
  t.equal(faultOf([0, 2, 3.2, 4.4, 6.4, 7.2, 9.2], 10), 'irregular');
  t.equal(faultOf([0, 1, 4, 5, 8], 8), 'irregular');
  t.equal(faultOf([0, 0.4, 0.8, 1.2], 1.2), 'too-close');
});

t.test('a new timeline is measured from its beginning', async (t) => {
  const watch = new KeyframeWatch();
  watch.picture(0, true);
  watch.picture(5_000, false);
  watch.reset();
  t.equal(watch.fault, undefined);
  watch.picture(0, true);
  watch.picture(2_000, true);
  t.equal(watch.interval, 2_000);
});
