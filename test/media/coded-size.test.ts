import { execFileSync } from 'node:child_process';
import path from 'node:path';
import t from 'tap';
import {
  CodedSizeReader,
  decodedPixels,
  exceedsPixels,
  pictureTooLarge,
  readFlvVideoTag,
  readPictureSize,
} from '../../src/media/index.js';
import { enhancedRtmpFfmpeg } from '../support/gateway/enhanced-rtmp-ffmpeg.js';
import { flvTags, readFlv } from '../support/media/flv-file.js';
import { avcRecord, h264Sps, withLength } from '../support/media/parameter-sets.js';
import { seededRandom } from '../support/media/seeded-random.js';

const SLICE = Buffer.from([0x65, 0x88, 0x80]);

t.test(
  'the coded size of H.264 is the largest of all parameter sets in configuration and frames',
  async (t) => {
    const reader = new CodedSizeReader();
    const small = h264Sps(640, 368);
    const large = h264Sps(8192, 8192);
    t.strictSame(reader.configuration('h264', avcRecord(small)), { width: 640, height: 368 });
    t.strictSame(reader.configuration('h264', avcRecord(small, large, small)), { width: 8192, height: 8192 });
    t.equal(reader.frame('h264', withLength(SLICE)), undefined);
    const frame = Buffer.concat([withLength(SLICE), withLength(small), withLength(large), withLength(SLICE)]);
    t.strictSame(reader.frame('h264', frame), { width: 8192, height: 8192 });
  },
);

t.test('cropping does not reduce the coded size', async (t) => {
  const cropped = h264Sps(8192, 8192, [8000, 8000]);
  t.strictSame(new CodedSizeReader().frame('h264', withLength(cropped)), { width: 8192, height: 8192 });
  t.strictSame(readPictureSize('h264', cropped, 0, cropped.length), { width: 8192, height: 8192 });
  const usual = h264Sps(1920, 1088, [0, 8]);
  t.strictSame(readPictureSize('h264', usual, 0, usual.length), { width: 1920, height: 1080 });
});

t.test('the size of a parameter set above every level is reported', async (t) => {
  const sps = h264Sps(1_048_576, 65_536);
  t.strictSame(new CodedSizeReader().frame('h264', withLength(sps)), { width: 1_048_576, height: 65_536 });
});

t.test('NAL units have the length size of the configuration', async (t) => {
  const reader = new CodedSizeReader();
  const record = avcRecord(h264Sps(640, 368));
  record[4] = 0xfd; // two bytes
  reader.configuration('h264', record);
  const sps = h264Sps(8192, 8192);
  const frame = Buffer.concat([Buffer.from([0, sps.length]), sps]);
  t.strictSame(reader.frame('h264', frame), { width: 8192, height: 8192 });
});

t.test('the picture size of an RTP payload is that of its largest parameter set', async (t) => {
  const [small, large] = [h264Sps(640, 368), h264Sps(8192, 8192)];
  const sized = (unit: Buffer): Buffer => withLength(unit).subarray(2);
  const aggregate = Buffer.concat([Buffer.from([0x78]), sized(small), sized(large), sized(small)]);
  t.strictSame(readPictureSize('h264', aggregate, 0, aggregate.length), { width: 8192, height: 8192 });
  const fragment = Buffer.concat([Buffer.from([0x7c, 0x87]), large.subarray(1)]);
  t.strictSame(readPictureSize('h264', fragment, 0, fragment.length), { width: 8192, height: 8192 });
  t.equal(
    readPictureSize('h264', Buffer.from([0x7c, 0x07, 1, 2, 3, 4, 5]), 0, 7),
    undefined,
    'a later fragment',
  );
  // The VP9 descriptor has no size, but the frame (profile 0, 8192x4320).
  const vp9 = Buffer.from('08' + '82' + '498342' + '01fff' + '10df' + '0000', 'hex');
  t.strictSame(readPictureSize('vp9', vp9, 0, vp9.length), { width: 8192, height: 4320 });
});

const newer = enhancedRtmpFfmpeg(t.testdir());

for (const [codec, encoder] of [
  ['hevc', ['-c:v', 'libx265', '-x265-params', 'log-level=none', '-preset', 'ultrafast']],
  ['av1', ['-c:v', 'libsvtav1', '-preset', '12']],
  ['vp9', ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8']],
] as const)
  t.test(
    `the coded size of ${codec} matches ffmpeg`,
    { skip: newer ? false : 'this ffmpeg writes no enhanced RTMP' },
    async (t) => {
      for (const [width, height] of [
        [640, 360],
        [1280, 720],
      ]) {
        const source = ['-f', 'lavfi', '-i', `color=size=${width}x${height}:rate=30`, '-frames:v', '2'];
        const args = [
          '-v',
          'error',
          '-nostdin',
          ...source,
          '-pix_fmt',
          'yuv420p',
          ...encoder,
          '-f',
          'flv',
          'pipe:1',
        ];
        const file = execFileSync(newer === 'ffmpeg' ? newer : path.resolve(newer ?? ''), args, {
          maxBuffer: 8 << 20,
        });
        const reader = new CodedSizeReader();
        const sizes = flvTags(file).flatMap(({ kind, body }) => {
          const tag = kind === 'video' ? readFlvVideoTag(body) : undefined;
          if (!tag || !('body' in tag)) return [];
          const data = tag.body.subarray(tag.dataOffset);
          const size = tag.packet === 'frame' ? reader.frame(codec, data) : reader.configuration(codec, data);
          return size ? [size] : [];
        });
        t.ok(sizes.length > 0);
        for (const size of sizes) {
          t.equal(size.width, width);
          t.ok(size.height >= height! && size.height < height! + 16, `${size.height}`);
        }
      }
    },
  );

t.test('the coded size of x264 is a multiple of its macroblocks', async (t) => {
  const tags = await readFlv([
    ...['-f', 'lavfi', '-i', 'color=size=1920x1080:rate=30', '-frames:v', '1'],
    ...['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p'],
  ]);
  const tag = tags
    .map(({ kind, body }) => (kind === 'video' ? readFlvVideoTag(body) : undefined))
    .find(Boolean);
  if (tag?.packet !== 'configuration') throw new Error('no configuration');
  const size = new CodedSizeReader().configuration('h264', tag.body.subarray(tag.dataOffset));
  t.strictSame(size, { width: 1920, height: 1088 });
});

t.test('a pixel limit accepts the coded size of its picture size and nothing larger', async (t) => {
  for (const [width, height] of [
    [4096, 2304],
    [3840, 2160],
    [2160, 3840],
    [1920, 1088],
  ] as const)
    t.notOk(
      exceedsPixels({ width, height }, width * (height === 1088 ? 1080 : height)),
      `${width}x${height}`,
    );
  t.ok(exceedsPixels({ width: 7680, height: 4320 }, 9_437_184));
  t.ok(exceedsPixels({ width: 8192, height: 8192 }, 35_651_584));
  t.equal(decodedPixels(9_437_184), 10_027_008);
  t.match(
    pictureTooLarge({ width: 8192, height: 8192 }, 9_437_184),
    /8192x8192 .*9437184 .*4096x2304.* smaller output resolution/,
  );
});

t.test('random bytes never make the readers throw (seeded)', async (t) => {
  const random = seededRandom(11);
  for (let round = 0; round < 3_000; round++) {
    const bytes = Buffer.from(
      Array.from({ length: 1 + Math.floor(random() * 60) }, () => Math.floor(random() * 256)),
    );
    for (const codec of ['h264', 'hevc', 'av1', 'vp9'] as const) {
      const reader = new CodedSizeReader();
      reader.configuration(codec, bytes);
      reader.frame(codec, bytes);
      readPictureSize(codec, bytes, 0, bytes.length);
    }
  }
  t.pass();
});
