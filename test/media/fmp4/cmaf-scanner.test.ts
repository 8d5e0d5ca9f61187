import t from 'tap';
import { CmafError, CmafScanner, type Sample, type TrackInit } from '../../../src/media/index.js';
import { type Ladder, makeLadder } from '../../support/media/cmaf-ladder.js';
import { seededRandom } from '../../support/media/seeded-random.js';

type Scan = { inits: TrackInit[]; samples: Sample[]; scanner: CmafScanner };

function scan(pieces: Iterable<Buffer>): Scan {
  const inits: TrackInit[] = [];
  const samples: Sample[] = [];
  const scanner = new CmafScanner({
    init: (init) => inits.push(init),
    sample: (sample) => samples.push(sample),
  });
  for (const piece of pieces) scanner.write(piece);
  return { inits, samples, scanner };
}

function bytesOf(ladder: Ladder, rendition: string): Buffer {
  return Buffer.concat(
    ladder.chunks.filter((chunk) => chunk.rendition === rendition).map(({ bytes }) => bytes),
  );
}

function* pieces(bytes: Buffer, size: () => number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + size());
    yield bytes.subarray(at, end);
    at = end;
  }
}

const ladder = await makeLadder({ folder: t.testdir(), durationS: 2 });
const source = bytesOf(ladder, 'source');
const audioSource = bytesOf(ladder, 'audio');

t.test('CMAF written by ffmpeg yields codec, size and every sample', async (t) => {
  const { inits, samples } = scan([source]);
  const [init] = inits;
  t.equal(inits.length, 1);
  t.match(init, { kind: 'video', width: 320, height: 240, timescale: 90_000 });
  t.match(init?.codec, /^avc1\.4d40[0-9a-f]{2}$/);
  t.equal(samples.length, 60);
  t.equal(samples[0]?.sync, true);
  t.equal(samples.filter(({ sync }) => sync).length, 1);
  t.ok(
    samples.some(({ compositionOffset }) => compositionOffset < 0),
    'B-frames have negative composition offsets',
  );
  const audio = scan([audioSource]);
  t.match(audio.inits[0], { kind: 'audio', codec: 'mp4a.40.2', channels: 2, sampleRate: 48_000 });
  t.ok(audio.samples.every(({ sync }) => sync));
});

t.test('chunks of any size yield the same samples', async (t) => {
  const whole = scan([source]).samples;
  const random = seededRandom(7);
  for (const size of [() => 1, () => 7, () => 4096, () => 1 + Math.floor(random() * 3000)]) {
    const { samples, scanner } = scan(pieces(source, size));
    t.equal(samples.length, whole.length);
    t.ok(
      samples.every((sample, index) => {
        const { data, ...rest } = sample;
        const { data: expected, ...other } = whole[index]!;
        return data.equals(expected) && JSON.stringify(rest) === JSON.stringify(other);
      }),
    );
    t.equal(scanner.pending, 0);
  }
});

t.test('a stream that ends inside a box loses only that box', async (t) => {
  const { samples, scanner } = scan([source.subarray(0, source.length - 10)]);
  t.equal(samples.length, 59);
  t.ok(scanner.pending > 0);
});

t.test('bytes that are not CMAF throw at once and on every later write', async (t) => {
  const random = seededRandom(3);
  const garbage = Buffer.from(Array.from({ length: 64 }, () => Math.floor(random() * 256)));
  const scanner = new CmafScanner({ init: () => t.fail(), sample: () => t.fail() });
  t.throws(() => scanner.write(garbage), { code: 'cmaf_box_invalid' });
  t.throws(() => scanner.write(source), { code: 'cmaf_box_invalid' });
  t.equal(scanner.pending, 0, 'no byte is buffered');
});

t.test('a box above its size limit throws before its bytes arrive', async (t) => {
  const head = Buffer.from([0x7f, 0xff, 0xff, 0xff, ...Buffer.from('mdat')]);
  t.throws(() => scan([head]), { code: 'cmaf_box_invalid' });
  const large = Buffer.alloc(16);
  large.writeUInt32BE(1, 0);
  large.write('mdat', 4);
  large.writeBigUInt64BE(1n << 60n, 8);
  t.throws(() => scan([large]), { code: 'cmaf_box_invalid' });
  t.throws(() => scan([Buffer.from([0, 0, 0, 0, ...Buffer.from('mdat')])]), { code: 'cmaf_box_invalid' });
});

t.test('boxes in the wrong order throw cmaf_out_of_order', async (t) => {
  const moof = source.indexOf('moof') - 4;
  const first = source.subarray(0, moof);
  const start = first.subarray(0, first.indexOf('moov') - 4 + first.readUInt32BE(first.indexOf('moov') - 4));
  t.throws(() => scan([source.subarray(moof)]), { code: 'cmaf_out_of_order' });
  t.throws(() => scan([start, start]), { code: 'cmaf_out_of_order' });
  const moofBox = source.subarray(moof, moof + source.readUInt32BE(moof));
  t.throws(() => scan([start, moofBox, moofBox]), { code: 'cmaf_out_of_order' });
  const afterMoof = moof + moofBox.length;
  const mdat = source.subarray(afterMoof, afterMoof + source.readUInt32BE(afterMoof));
  t.throws(() => scan([start, mdat]), { code: 'cmaf_out_of_order' });
});

t.test('mutated files parse or throw CmafError, nothing else (seeded)', async (t) => {
  const random = seededRandom(20_26);
  const original = source.subarray(0, 30_000);
  let failed = 0;
  let read = 0;
  for (let round = 0; round < 3000; round++) {
    const bytes = Buffer.from(original);
    const boxesOnly = round % 2 === 0;
    for (let count = 1 + Math.floor(random() * 6); count > 0; count--) {
      const at = Math.floor(random() * (boxesOnly ? 1400 : bytes.length));
      bytes[at] = Math.floor(random() * 256);
    }
    try {
      scan(pieces(bytes, () => 1 + Math.floor(random() * 8000)));
      read++;
    } catch (error) {
      if (!(error instanceof CmafError)) {
        t.fail(`round ${round}: ${error}`);
        return;
      }
      failed++;
    }
  }
  t.ok(failed > 300 && read > 300, `${failed} refused, ${read} read`);
});
