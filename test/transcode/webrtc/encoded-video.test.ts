import t from 'tap';
import type { EncoderRunReader } from '../../../src/streams/index.js';
import { EncodedPictures } from '../../../src/transcode/webrtc/encoded-pictures.js';
import { EncodedVideo } from '../../../src/transcode/webrtc/encoded-video.js';
import { makeLadder } from '../../support/media/cmaf-ladder.js';

/** Keyframes every second. */
const { renditions, chunks } = await makeLadder({
  ...{ folder: t.testdir(), durationS: 3, frameRate: '25', gop: 25 },
  ...{ audio: false, rungs: [180, 120], passthrough: false },
});
const sizeOf = (height: number) => ({ width: (height * 4) / 3, height });
const expectedOf = (height: number) => ({
  ...{ kind: 'video' as const, codec: 'avc1.64001f', bitrate: 330_000 },
  ...sizeOf(height),
});
const ORIGIN_MS = 1_000_000;

/** Follows a run with these renditions. */
function follow(pictures: EncodedPictures, videos = renditions, index = 0): EncoderRunReader {
  let reader: EncoderRunReader | undefined;
  const run = { index, originMs: ORIGIN_MS, renditions: videos, placed() {}, superseded() {} };
  pictures.follow({
    ...run,
    read: (given) => {
      reader = given;
    },
  });
  if (!reader) throw new Error('the run is not read');
  return reader;
}

/** Records what the SFU gets. */
function recordedSink() {
  const streams: number[] = [];
  const timesMs: number[] = [];
  return {
    ...{ streams, timesMs },
    beginStream: (parameterSets: readonly Buffer[], originMs: number): void => {
      t.equal(parameterSets.length, 2);
      t.equal(originMs, ORIGIN_MS);
      streams.push(timesMs.length);
    },
    writePicture: ({ timeMs }: { timeMs: number }): boolean => timesMs.push(timeMs) > 0,
  };
}

const write = (reader: EncoderRunReader, id: string): void => {
  for (const { rendition, bytes } of chunks) if (rendition === id) reader.write(id, bytes);
};
const framesOf = (id: string): number =>
  chunks.filter(({ rendition, timeS }) => rendition === id && timeS > 0).length;

t.test('WebRTC viewers get all pictures of the largest rendition that fits them', (t) => {
  const [large, small] = renditions;
  const pictures = new EncodedPictures();
  const sink = recordedSink();
  const video = new EncodedVideo({ pictures, sink, pause: undefined });
  const sized = [
    { ...large!, expected: expectedOf(1080) },
    { ...small!, expected: expectedOf(720) },
  ];
  const reader = follow(pictures, sized);
  write(reader, large!.id);
  t.strictSame(sink.timesMs, [], 'the other one is too large');
  write(reader, small!.id);
  t.strictSame(sink.streams, [0]);
  t.equal(sink.timesMs.length, framesOf(small!.id));
  t.ok(sink.timesMs.every((timeMs, index) => index === 0 || timeMs > sink.timesMs[index - 1]!));
  video.close();
  reader.encoderEnded(small!.id);
  write(reader, small!.id);
  t.equal(sink.timesMs.length, framesOf(small!.id), 'nothing after the end');
  t.end();
});

t.test('a rendition that ends is replaced by the next one, from its next encoder on', (t) => {
  const [large, small] = renditions;
  const pictures = new EncodedPictures();
  const sink = recordedSink();
  const reader = follow(pictures);
  const [id, next] = [small!.id, large!.id];
  write(reader, id);
  new EncodedVideo({ pictures, sink, pause: undefined });
  t.strictSame(sink.streams, [0], 'a viewer who comes late gets the stream of the encoder');
  reader.renditionEnded(id);
  reader.write(next, chunks.findLast(({ rendition }) => rendition === next)!.bytes);
  t.strictSame(sink.timesMs, []);
  write(reader, next);
  t.strictSame(sink.streams, [0, 0]);
  t.equal(sink.timesMs.length, framesOf(next));
  t.end();
});

t.test('pictures go on after a slate with a keyframe', (t) => {
  const pictures = new EncodedPictures();
  const sink = recordedSink();
  const pause = {
    isShown: false,
    end() {
      this.isShown = false;
    },
  };
  new EncodedVideo({ pictures, sink, pause });
  const { id } = renditions.at(-1)!;
  const reader = follow(pictures);
  const own = chunks.filter(({ rendition }) => rendition === id);
  for (const [index, { bytes }] of own.entries()) {
    // Behind the initialization section and ten pictures.
    if (index === 11) pause.isShown = true;
    reader.write(id, bytes);
  }
  t.notOk(pause.isShown);
  t.strictSame(sink.streams, [0, 10]);
  t.equal(sink.timesMs.length, framesOf(id) - 15, 'from the keyframe after a second on');
  t.end();
});

t.test('runs of slates and of copied video are not read', (t) => {
  const pictures = new EncodedPictures();
  const copied = renditions.map((one) => ({ ...one, passthrough: true }));
  t.throws(() => follow(pictures, copied), /not read/);
  t.end();
});
