import t from 'tap';
import { readFlvVideoTag, readH264Configuration, readH264Sps } from '../../src/media/index.js';
import { readFlv } from '../support/media/flv-file.js';

/** Returns the AVCDecoderConfigurationRecord that x264 writes for the options. */
async function recordOf(options: { source: string; video?: string[] }): Promise<Buffer> {
  const { source, video = [] } = options;
  const input = ['-f', 'lavfi', '-i', source, '-frames:v', '2'];
  const tags = await readFlv([
    ...input,
    '-c:v',
    'libx264',
    '-preset',
    'ultrafast',
    '-pix_fmt',
    'yuv420p',
    ...video,
  ]);
  for (const { kind, body } of tags) {
    const tag = kind === 'video' ? readFlvVideoTag(body) : undefined;
    if (tag?.packet === 'configuration') return tag.body.subarray(tag.dataOffset);
  }
  throw new Error('ffmpeg wrote no configuration');
}

t.test('an SPS by x264 yields the size and frame rate that were encoded', async (t) => {
  const cases: [string, { width: number; height: number; frameRate: number }][] = [
    ['color=size=320x180:rate=30000/1001', { width: 320, height: 180, frameRate: 29.97 }],
    ['color=size=1920x1080:rate=60', { width: 1920, height: 1080, frameRate: 60 }],
    ['color=size=854x480:rate=24000/1001', { width: 854, height: 480, frameRate: 23.98 }],
    ['color=size=270x480:rate=25', { width: 270, height: 480, frameRate: 25 }],
  ];
  for (const [source, expected] of cases) {
    const { width, height, frameRate = 0 } = readH264Configuration(await recordOf({ source })) ?? {};
    t.same({ width, height, frameRate: Math.round(frameRate * 100) / 100 }, expected, source);
  }
});

t.test('an SPS yields the shape of pixels that are not square', async (t) => {
  const shapeOf = async (filter: string) => {
    const record = await recordOf({ source: `color=size=320x180:rate=25,setsar=${filter}` });
    const { pixelAspect, frameRate } = readH264Configuration(record) ?? {};
    t.equal(frameRate, 25, 'the fields after it are read, too');
    return pixelAspect;
  };
  t.same(await shapeOf('16/11'), { width: 16, height: 11 }, 'one of the table');
  t.same(await shapeOf('2/1'), { width: 2, height: 1 }, 'the last of the table');
  t.same(await shapeOf('100/99'), { width: 100, height: 99 }, 'one of its own');
  t.equal(await shapeOf('1/1'), undefined);
});

t.test('an SPS of a high profile or interlaced video yields the right size', async (t) => {
  const source = 'color=size=720x576:rate=25';
  const high422 = await recordOf({
    source,
    video: ['-preset', 'veryfast', '-pix_fmt', 'yuv422p10le'],
  });
  t.match(readH264Configuration(high422), { profile: 122, width: 720, height: 576 });
  const high444 = await recordOf({ source, video: ['-preset', 'veryfast', '-pix_fmt', 'yuv444p'] });
  t.match(readH264Configuration(high444), { profile: 244, width: 720, height: 576 });
  const interlaced = await recordOf({
    source,
    video: ['-preset', 'veryfast', '-x264-params', 'interlaced=1'],
  });
  t.match(readH264Configuration(interlaced), { width: 720, height: 576 });
  const baseline = await recordOf({ source, video: ['-profile:v', 'baseline', '-level', '3.1'] });
  t.match(readH264Configuration(baseline), { profile: 66, level: 31 });
});

t.test('a truncated or damaged configuration yields undefined and never throws', async (t) => {
  const record = await recordOf({ source: 'color=size=320x180:rate=30' });
  // Fields after the frame size (frame rate) may be missing, the SPS itself must not.
  for (let length = 0; length < 12; length++) {
    t.equal(readH264Configuration(record.subarray(0, length)), undefined, `${length} bytes`);
  }
  for (let at = 0; at < record.length; at++) {
    for (const bits of [0x00, 0x55, 0xaa, 0xff]) {
      const damaged = Buffer.from(record);
      damaged[at] = bits;
      const read = readH264Configuration(damaged);
      if (read) t.ok(read.width > 0 && read.width <= 16_384 && read.height > 0 && read.height <= 16_384);
    }
  }
  t.equal(readH264Sps(Buffer.from([0x68, 1, 2, 3])), undefined, 'a picture parameter set yields undefined');
});
