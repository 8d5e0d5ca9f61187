import { readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { av1Configuration, readAv1SequenceHeader, readAv1SequenceHeaderObu } from '../../src/media/index.js';
import { run } from '../support/media/encoder.js';
import { encodeAv1, obuBytes, temporalUnits } from '../support/media/rtp/av1-rtp.js';
import { seededRandom } from '../support/media/seeded-random.js';

/** Returns the CodecPrivate (id 63A2) that ffmpeg writes for an OBU stream. */
async function codecPrivate(file: string): Promise<Buffer> {
  const made = path.join(path.dirname(file), 'film.mkv');
  await run('ffmpeg', ['-v', 'error', '-i', file, '-c', 'copy', made]);
  const bytes = readFileSync(made);
  const at = bytes.indexOf('63a2', 0, 'hex') + 2;
  const length = (bytes[at] ?? 0) & 0x7f;
  return bytes.subarray(at + 1, at + 1 + length);
}

for (const { width, height, tenBits } of [
  { width: 320, height: 180, tenBits: false },
  { width: 642, height: 358, tenBits: true },
])
  t.test(
    `an AV1 sequence header of ${width}x${height}${tenBits ? ' with ten bits' : ''} is read`,
    async (t) => {
      const file = await encodeAv1(t, { width, height, tenBits, frameCount: 2 });
      const obu = temporalUnits(file)[0]?.find(({ type }) => type === 1);
      if (!obu) throw new Error('there is none');
      const bytes = obuBytes(obu, true);
      const header = readAv1SequenceHeaderObu(bytes);
      t.match(header, {
        ...{ profile: 0, tier: 0, width, height, bitDepth: tenBits ? 10 : 8, monochrome: false },
        ...{ subsamplingX: 1, subsamplingY: 1 },
      });
      if (!header) throw new Error('it was not read');
      t.strictSame(readAv1SequenceHeader(obu.payload), header);
      t.equal(av1Configuration(header, bytes).toString('hex'), (await codecPrivate(file)).toString('hex'));
    },
  );

/** Writes bit fields given as (value, bits). */
function bits(...fields: [value: number, count: number][]): Buffer {
  const text = fields.map(([value, count]) => value.toString(2).padStart(count, '0')).join('');
  return Buffer.from((text.match(/.{1,8}/g) ?? []).map((byte) => Number.parseInt(byte.padEnd(8, '0'), 2)));
}

t.test('a sequence header with operating points, decoder model and 4:2:2 is read', async (t) => {
  const timing: [number, number][] = [
    ...([
      [1, 1], // timing_info_present_flag
      [1, 32],
      [30, 32],
      [1, 1], // equal_picture_interval
      [0b010, 3], // uvlc: 1
      [1, 1], // decoder_model_info_present_flag
      [9, 5], // delays of ten bits
      [1, 32],
      [9, 5],
      [9, 5],
    ] as [number, number][]),
  ];
  const layered = bits(
    ...([
      [2, 3], // Professional
      [0, 1],
      [0, 1],
      ...timing,
      [1, 1], // initial_display_delay_present_flag
      [1, 5], // two operating points
      [0x101, 12],
      [9, 5],
      [1, 1], // High tier
      [1, 1], // its decoder model
      [5, 10],
      [5, 10],
      [1, 1],
      [1, 1], // its display delay
      [3, 4],
      [0x301, 12],
      [5, 5],
      [0, 1],
      [0, 1],
      [10, 4], // frame sizes of eleven bits
      [9, 4],
      [1919, 11],
      [799, 10],
      [1, 1], // frame_id_numbers_present_flag
      [0, 7],
      [0, 3],
      [0, 4],
      [1, 1], // enable_order_hint
      [0, 2],
      [0, 1], // seq_choose_screen_content_tools
      [1, 1],
      [0, 1],
      [1, 1],
      [6, 3],
      [0, 3],
      [1, 1], // high_bitdepth
      [1, 1], // twelve_bit
      [0, 1],
      [1, 1], // color_description_present_flag
      [9, 8],
      [16, 8],
      [9, 8],
      [0, 1],
      [1, 1], // subsampling 4:2:2
      [0, 1],
    ] as [number, number][]),
  );
  t.strictSame(readAv1SequenceHeader(layered), {
    ...{ profile: 2, level: 9, tier: 1, width: 1920, height: 800, bitDepth: 12, monochrome: false },
    ...{ subsamplingX: 1, subsamplingY: 0, chromaSamplePosition: 0 },
  });
  const still = (...colour: [number, number][]): Buffer =>
    bits([1, 3], [1, 1], [1, 1], [4, 5], [7, 4], [7, 4], [199, 8], [99, 8], [0, 3], [0, 3], ...colour);
  t.match(readAv1SequenceHeader(still([0, 1], [1, 1], [1, 8], [13, 8], [0, 8])), {
    ...{ profile: 1, level: 4, width: 200, height: 100, bitDepth: 8, subsamplingX: 0, subsamplingY: 0 },
  });
});

t.test('a sequence header above MaxPicSize yields undefined', async (t) => {
  const still = (width: number, height: number): Buffer =>
    bits([0, 3], [1, 1], [1, 1], [4, 5], [15, 4], [15, 4], [width - 1, 16], [height - 1, 16], [0, 40]);
  t.match(readAv1SequenceHeader(still(8192, 4352)), { width: 8192, height: 4352 });
  t.equal(readAv1SequenceHeader(still(8192, 4353)), undefined);
  t.equal(readAv1SequenceHeader(still(65_536, 65_536)), undefined);
});

t.test('a truncated or random sequence header never throws (seeded)', async (t) => {
  const file = await encodeAv1(t, { frameCount: 1 });
  const obu = temporalUnits(file)[0]?.find(({ type }) => type === 1);
  const payload = obu?.payload ?? Buffer.alloc(0);
  for (let length = 0; length < 8; length++)
    t.equal(readAv1SequenceHeader(payload.subarray(0, length)), undefined, `${length} bytes`);
  t.equal(readAv1SequenceHeaderObu(Buffer.from('32020000', 'hex')), undefined, 'a frame');
  t.equal(readAv1SequenceHeaderObu(Buffer.alloc(0)), undefined);
  const random = seededRandom(7);
  for (let i = 0; i < 20_000; i++) {
    const bytes = Buffer.from(Array.from({ length: Math.floor(random() * 40) }, () => random() * 256));
    readAv1SequenceHeader(bytes);
    readAv1SequenceHeaderObu(bytes);
  }
});
