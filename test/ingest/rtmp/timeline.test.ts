import t from 'tap';
import { Timeline } from '../../../src/ingest/rtmp/timeline.js';

t.test('a timeline begins at 0 for any RTMP timestamp, and continues when that wraps', async (t) => {
  const timeline = new Timeline(0xffff_ff00);
  t.equal(timeline.place('video', 0xffff_ff00), 0);
  t.equal(timeline.place('audio', 0xffff_ff10), 16);
  t.equal(timeline.place('video', 0x21), 289, 'over the wrap');
  t.equal(timeline.place('audio', 0xffff_fff0), 240, 'the other track from before the wrap');
});

t.test('a tag before the beginning is dropped', async (t) => {
  const timeline = new Timeline(5_000);
  t.equal(timeline.place('audio', 4_990), 'early');
  t.equal(timeline.place('video', 5_000), 0);
  t.equal(timeline.place('audio', 4_999), 'early');
  t.equal(timeline.place('audio', 5_003), 3);
});

t.test('a small step back is clamped to the last timestamp of its track', async (t) => {
  const timeline = new Timeline(0);
  t.equal(timeline.place('video', 0), 0);
  t.equal(timeline.place('video', 1_000), 1_000);
  t.equal(timeline.place('video', 760), 1_000);
  t.equal(timeline.place('audio', 700), 700);
  t.equal(timeline.place('video', 1_033), 1_033);
});

t.test('a step back, a step far ahead and tracks far apart are jumps', async (t) => {
  const placed = (): Timeline => {
    const timeline = new Timeline(1_000_000);
    timeline.place('video', 1_000_000);
    timeline.place('audio', 1_000_010);
    return timeline;
  };
  t.equal(placed().place('video', 999_700), 'jump', 'back');
  t.equal(placed().place('video', 0), 'jump', 'back to the beginning of time');
  t.equal(placed().place('audio', 1_010_011), 'jump', 'ahead');
  t.equal(placed().place('audio', 1_010_010), 10_010, 'as far as can be');
  t.equal(placed().place('video', (1_000_000 + 2 ** 31) >>> 0), 'jump', 'half of the circle away');
  const apart = placed();
  for (let at = 0; at <= 10_010; at += 10) apart.place('video', 1_000_000 + at);
  t.equal(apart.place('audio', 1_000_020), 20, 'behind by just under ten seconds');
  apart.place('video', 1_010_040);
  t.equal(apart.place('audio', 1_000_030), 'jump', 'behind by more');
});

t.test('after 24.8 days the timeline asks for another', async (t) => {
  const timeline = new Timeline(0);
  let time = 0;
  const end = 2 ** 31 - 3_600_000;
  while (time + 9_000 < end) timeline.place('video', (time += 9_000));
  t.equal(timeline.full, false);
  timeline.place('video', end);
  t.equal(timeline.full, true);
  t.equal(timeline.place('video', end + 33), end + 33, 'and goes on until it gets it');
});
