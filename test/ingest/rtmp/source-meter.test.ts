import t from 'tap';
import { SourceMeter } from '../../../src/ingest/rtmp/source-meter.js';

/** Feeds 30 frames a second and 10 sounds a second. */
function feed(
  meter: SourceMeter,
  from: number,
  to: number,
  options: { gop?: number; reorder?: boolean } = {},
): void {
  const { gop = 2, reorder = false } = options;
  for (let frame = from * 30; frame < to * 30; frame++) {
    const time = Math.round((frame * 1_000) / 30);
    meter.video(time, 10_000, frame % (gop * 30) === 0, reorder ? (frame % 3) * 33 : 0);
    if (frame % 3 === 0) meter.audio(time, 1_000);
  }
}

t.test('bit rates, frame rate and keyframe interval are counted over media time', async (t) => {
  const meter = new SourceMeter();
  t.same(meter.read(), { video: {}, audio: {} }, 'nothing is known at first');
  feed(meter, 0, 8);
  const { video, audio } = meter.read();
  t.ok(Math.abs(video.bitrate! - 2_400_000) < 30_000, `video ${video.bitrate}`);
  t.ok(Math.abs(audio.bitrate! - 80_000) < 2_000, `audio ${audio.bitrate}`);
  t.ok(Math.abs(video.frameRate! - 30) < 0.1, `frame rate ${video.frameRate}`);
  t.equal(video.keyframeInterval, 2);
  t.equal(video.bFrames, false);
});

t.test('the longest of the last keyframe intervals counts, and old ones are forgotten', async (t) => {
  const meter = new SourceMeter();
  for (const at of [0, 1, 6, 7]) meter.video(at * 1_000, 1, true, 0);
  t.equal(meter.read().video.keyframeInterval, 5);
  for (const at of [8, 9, 10]) meter.video(at * 1_000, 1, true, 0);
  t.equal(meter.read().video.keyframeInterval, 1);
});

t.test('pictures shown in another order than they come are B-frames', async (t) => {
  const meter = new SourceMeter();
  feed(meter, 0, 1, { reorder: true });
  t.equal(meter.read().video.bFrames, true);
});

t.test('news are what was found out, not bit rates', async (t) => {
  const meter = new SourceMeter();
  meter.video(0, 10_000, true, 0);
  t.equal(meter.takeNews(), false);
  meter.video(33, 10_000, false, 66);
  t.equal(meter.takeNews(), true, 'B-frames');
  t.equal(meter.takeNews(), false, 'only once');
});
