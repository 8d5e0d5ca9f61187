import t from 'tap';
import type { Sample, TrackInit } from '../../src/media/index.js';
import { BlockingRequests } from '../../src/packager/blocking-requests.js';
import { RenditionSegmenter } from '../../src/packager/rendition-segmenter.js';
import { RenditionWindow } from '../../src/packager/rendition-window.js';
import { SegmentGrid } from '../../src/packager/segment-grid.js';
import { FakeClock } from '../support/fakes/fake-clock.js';

const RATE = 48_000;
const init: TrackInit = {
  ...{ kind: 'audio', channels: 2, sampleRate: RATE, timescale: RATE, codec: 'mp4a.40.2', trackId: 1 },
  ...{ data: Buffer.alloc(0), defaults: { duration: 1024, size: 0, flags: 0 } },
};

/** Audio of a run whose video made cuts at 10 s, 12 s, and so on. */
function audio(cuts: number) {
  let msn = 0;
  const grid = new SegmentGrid({
    ...{ segmentDurationS: 2, partDurationS: 1 / 3, keyframes: undefined },
    number: () => msn++,
  });
  for (let cut = 0; cut < cuts; cut++) grid.offerKeyframe(10 + 2 * cut);
  const track = new RenditionWindow('audio', 'audio', new BlockingRequests(new FakeClock(), 10).queue(), {
    siblingSegment: () => undefined,
  });
  const lane = new RenditionSegmenter({ id: 'audio', kind: 'audio', passthrough: false }, init, track, {
    ...{
      grid,
      runIndex: 0,
      slate: undefined,
      segmentBytes: 2 ** 20,
      offset: () => 0,
      wallTimeMs: (seconds) => seconds * 1000,
    },
    ...{ published() {}, misaligned() {} },
  });
  return { lane, track };
}

function at(seconds: number): Sample {
  const data = Buffer.alloc(4);
  const decodeTime = Math.round(seconds * RATE);
  return { decodeTime, duration: 1024, compositionOffset: 0, flags: 0, sync: true, data };
}

t.test('audio that is slightly late has all segments of the video', async (t) => {
  const { lane, track } = audio(4);
  lane.place(at(16.5));
  lane.finish();
  t.same(
    track.segments.map((segment) => segment.msn),
    [0, 1, 2, 3],
  );
});

t.test('audio with distant timestamps is not filled with silence at either end', async (t) => {
  for (const seconds of [30, 3_600, 4_000_000]) {
    const late = audio(4);
    late.lane.place(at(seconds));
    late.lane.finish();
    t.same(late.track.segments, [], `it begins ${seconds} s late`);
    const gone = audio(1);
    gone.lane.place(at(10));
    gone.lane.fillUntil(10 + seconds);
    gone.lane.finish();
    t.ok(gone.track.segments.length === 1 && gone.track.end < 10.1, `it ends ${seconds} s early`);
  }
});

t.test(
  'a frame before a pause ends after a second, and the part target stays below the segment',
  async (t) => {
    for (const durationS of [0.5, 7, 3_600, 80_000]) {
      const { lane, track } = audio(4);
      lane.place({ ...at(10), duration: Math.round(durationS * RATE) });
      lane.finish();
      const { partTargetS } = track;
      t.ok(partTargetS > 0.3 && partTargetS <= 1.002, `${durationS} s: PART-TARGET ${partTargetS}`);
    }
  },
);

t.test('frames with impossible durations get the default duration', async (t) => {
  const { lane } = audio(1);
  for (const duration of [0, 1, -5, Number.NaN, Infinity, 1e300, 2 ** 32 - 1]) {
    const frame = lane.frame({ ...at(10), duration });
    t.ok(frame >= 1 / 300 && frame <= 1, `${duration}: ${frame}`);
  }
});
