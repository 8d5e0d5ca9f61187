import t from 'tap';
import { SourceMeter } from '../../../src/ingest/rtmp/source-meter.js';

/** Adds 30 video and 10 audio messages per second. */
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

t.test('bit rates, frame rate and keyframe interval are measured over media time', async (t) => {
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

t.test('the maximum of the last four keyframe intervals is reported', async (t) => {
  const meter = new SourceMeter();
  const keyframes = [0, 1, 6, 7];
  for (let at = 0; at <= 7; at++) meter.video(at * 1_000, 1, keyframes.includes(at), 0);
  t.equal(meter.read().video.keyframeInterval, 5);
  for (const at of [8, 9, 10]) meter.video(at * 1_000, 1, true, 0);
  t.equal(meter.read().video.keyframeInterval, 1);
});

t.test('an interval in which the video pauses is no keyframe interval', async (t) => {
  const meter = new SourceMeter();
  for (const at of [0, 1, 14, 15]) meter.video(at * 1_000, 1, true, 0);
  t.equal(meter.read().video.keyframeInterval, 1);
});

t.test('frames with differing composition times are reported as B-frames', async (t) => {
  const meter = new SourceMeter();
  feed(meter, 0, 1, { reorder: true });
  t.equal(meter.read().video.bFrames, true);
});

t.test('takeChanged reports changed properties, not bit rates', async (t) => {
  const meter = new SourceMeter();
  meter.video(0, 10_000, true, 0);
  t.equal(meter.takeChanged(), false);
  meter.video(33, 10_000, false, 66);
  t.equal(meter.takeChanged(), true, 'B-frames');
  t.equal(meter.takeChanged(), false, 'only once');
});

t.test('a pause of the video keeps its measured frame and bit rate', async (t) => {
  for (const pauseS of [1.5, 4, 7, 60]) {
    const meter = new SourceMeter();
    feed(meter, 0, 6);
    for (let ms = 6_000; ms < 6_000 + pauseS * 1_000; ms += 100) meter.audio(ms, 1_000);
    const during = meter.read().video;
    t.ok(Math.abs(during.frameRate! - 30) < 0.2, `${during.frameRate} fps in a pause of ${pauseS} s`);
    t.ok(Math.abs(during.bitrate! - 2_400_000) < 60_000, `${during.bitrate} bit/s in a pause of ${pauseS} s`);
    feed(meter, 6 + pauseS, 7 + pauseS);
    const after = meter.read().video;
    t.ok(Math.abs(after.frameRate! - 30) < 0.2, `${after.frameRate} fps after a pause of ${pauseS} s`);
  }
});

t.test('implausible timestamps yield no frame rate', async (t) => {
  for (const stepMs of [0, 0.001, 1_001, 5_000, 1e9, Number.POSITIVE_INFINITY]) {
    const meter = new SourceMeter();
    for (let index = 0; index < 40; index++) {
      const ms = index === 0 ? 0 : index * stepMs;
      meter.video(ms, 1_000, index % 10 === 0, 0);
      meter.audio(ms, 100);
    }
    const { frameRate = 1 } = meter.read().video;
    t.ok(frameRate >= 1 && frameRate <= 300, `steps of ${stepMs} ms: ${frameRate} fps`);
  }
});
