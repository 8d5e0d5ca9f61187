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

function begun(): Timeline {
  const timeline = new Timeline(1_000_000);
  timeline.place('video', 1_000_000);
  timeline.place('audio', 1_000_010);
  return timeline;
}

t.test('a step back, a step far ahead and tracks far apart are jumps when a second tag agrees', async (t) => {
  const jumps = (timeline: Timeline, track: 'audio' | 'video', time: number): unknown[] => [
    timeline.place(track, time),
    timeline.place(track, (time + 5) >>> 0),
  ];
  const jump = ['stray', 'jump'];
  t.same(jumps(begun(), 'video', 999_700), jump, 'back');
  t.same(jumps(begun(), 'video', 0), jump, 'back to the beginning of time');
  t.same(jumps(begun(), 'audio', 1_010_011), jump, 'ahead');
  t.same(jumps(begun(), 'video', (1_000_000 + 2 ** 31) >>> 0), jump, 'half of the circle away');
  const apart = begun();
  for (let at = 0; at <= 10_010; at += 10) apart.place('video', 1_000_000 + at);
  t.equal(apart.place('audio', 1_000_020), 20, 'behind by just under ten seconds');
  apart.place('video', 1_010_040);
  t.same(jumps(apart, 'audio', 1_000_030), jump, 'behind by more');
});

t.test('a single tag far from the timeline is placed behind its neighbour', async (t) => {
  const timeline = begun();
  timeline.place('video', 1_000_033);
  t.equal(timeline.place('video', 77_000_000), 'stray');
  t.equal(timeline.place('audio', 1_000_040), 40, 'the other track is not moved');
  t.equal(timeline.placeStray('video', 77_000_000), 66);
  t.equal(timeline.place('video', 1_000_100), 100);
});

t.test('a pause of up to ten seconds is kept when the tag after it confirms it', async (t) => {
  for (const track of ['video', 'audio'] as const) {
    const timeline = begun();
    t.equal(timeline.place('video', 1_009_000), 'stray');
    t.equal(timeline.place(track, 1_009_005), 9_005);
    t.equal(timeline.placeStray('video', 1_009_000), 9_000);
    t.equal(timeline.place('video', 1_009_038), 9_038);
  }
});

t.test('a slow track alone keeps its times', async (t) => {
  const timeline = new Timeline(0);
  timeline.place('video', 0);
  t.equal(timeline.place('video', 2_000), 'stray');
  t.equal(timeline.place('video', 4_000), 4_000);
  t.equal(timeline.placeStray('video', 2_000), 2_000);
});

t.test('a single step ahead that the next tag does not confirm is no pause', async (t) => {
  for (const next of ['video', 'audio'] as const) {
    const timeline = begun();
    timeline.place('video', 1_000_033);
    t.equal(timeline.place('video', 1_008_000), 'stray');
    t.equal(timeline.place(next, 1_000_066), 66);
    t.equal(timeline.placeStray('video', 1_008_000), 66);
    t.equal(timeline.place('video', 1_000_100), 100);
  }
});

t.test('tags of both tracks that agree on a new time are a jump', async (t) => {
  const timeline = begun();
  t.equal(timeline.place('video', 50), 'stray');
  t.equal(timeline.place('audio', 70), 'jump');
});

t.test('a track whose timestamps stay far away is a jump although the other track goes on', async (t) => {
  const timeline = begun();
  t.equal(timeline.place('audio', 5_000_000), 'stray');
  t.equal(timeline.place('video', 1_000_033), 33);
  t.equal(timeline.place('audio', 5_000_023), 'jump');
});

t.test('three timestamps in a row that agree with nothing are a jump', async (t) => {
  const timeline = begun();
  t.equal(timeline.place('video', 5_000_000), 'stray');
  t.equal(timeline.place('video', 9_000_000), 'stray');
  t.equal(timeline.place('video', 0x9000_0000), 'jump');
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
