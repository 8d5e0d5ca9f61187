import { createFile, type MP4BoxBuffer } from 'mp4box';
import t from 'tap';
import { CmafScanner, type Sample, type TrackInit, writeFragment } from '../../../src/media/index.js';
import { makeLadder } from '../../support/media/cmaf-ladder.js';

const ladder = await makeLadder({ folder: t.testdir(), durationS: 2, rungs: [], audio: false });
let init: TrackInit | undefined;
const samples: Sample[] = [];
const scanner = new CmafScanner({
  init: (found) => {
    init = found;
  },
  sample: (sample) => samples.push(sample),
});
for (const { bytes } of ladder.chunks) scanner.write(bytes);

function read(...buffers: Buffer[]): Sample[] {
  const found: Sample[] = [];
  const reader = new CmafScanner({ init: () => {}, sample: (sample) => found.push(sample) });
  for (const buffer of buffers) reader.write(buffer);
  return found;
}

t.test('samples of many fragments are written as one fragment with a new decode time', async (t) => {
  const decodeTime = 2 ** 40 + 5;
  const fragment = writeFragment({ trackId: init!.trackId, sequence: 7, decodeTime, samples });
  const found = read(init!.data, fragment);
  t.equal(found.length, samples.length);
  const shift = decodeTime - samples[0]!.decodeTime;
  for (const [index, sample] of found.entries()) {
    const original = samples[index]!;
    if (
      !sample.data.equals(original.data) ||
      sample.decodeTime !== original.decodeTime + shift ||
      sample.compositionOffset !== original.compositionOffset ||
      sample.duration !== original.duration ||
      sample.flags !== original.flags
    ) {
      t.fail(`sample ${index} differs`);
    }
  }
  t.equal(fragment.readUInt32BE(fragment.indexOf('mfhd') + 8), 7);
  t.equal(fragment.buffer.byteLength, fragment.length, 'the buffer is its own');
});

t.test('mp4box reads the same samples from a written fragment', async (t) => {
  const fragment = writeFragment({ trackId: init!.trackId, sequence: 1, decodeTime: 900_000, samples });
  const file = createFile();
  const errors: unknown[] = [];
  file.onError = (...args: unknown[]) => errors.push(args);
  const bytes = Buffer.concat([init!.data, fragment]);
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as MP4BoxBuffer;
  buffer.fileStart = 0;
  file.appendBuffer(buffer);
  file.flush();
  const track = file.getInfo().tracks[0];
  const found = file.getTrackSamplesInfo(track!.id);
  t.same(errors, []);
  t.equal(found.length, samples.length);
  t.equal(found[0]?.dts, 900_000);
  t.same(
    found.map(({ size, cts, dts, is_sync }) => [size, cts - dts, is_sync]),
    samples.map(({ data, compositionOffset, sync }) => [data.length, compositionOffset, sync]),
  );
});
