import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { AAC_FRAME_SAMPLES, silentAacFrame } from '../../../src/media/index.js';

const run = promisify(execFile);

/** Wraps a frame in an ADTS header (ISO/IEC 14496-3, 1.A.2): AAC-LC at 48 kHz. */
function adts(frame: Buffer, channels: number): Buffer {
  const length = 7 + frame.length;
  const header = Buffer.from([
    0xff,
    0xf1,
    0x4c,
    channels << 6,
    length >> 3,
    ((length & 7) << 5) | 0x1f,
    0xfc,
  ]);
  return Buffer.concat([header, frame]);
}

for (const channels of [1, 2])
  t.test(`a silent frame of ${channels} channels decodes to zeros without an error`, async (t) => {
    const frame = silentAacFrame(channels);
    t.ok(frame);
    const file = path.join(t.testdir(), 'silence.aac');
    await writeFile(file, Buffer.concat(Array(50).fill(adts(frame!, channels))));
    const ffmpeg = process.env.FFMPEG_PATH ?? 'ffmpeg';
    const pcm = ['-f', 's16le', '-c:a', 'pcm_s16le', '-'];
    const { stdout, stderr } = await run(ffmpeg, ['-v', 'error', '-f', 'aac', '-i', file, ...pcm], {
      encoding: 'buffer',
    });
    t.equal(stderr.toString(), '');
    t.equal(stdout.length / (AAC_FRAME_SAMPLES * channels * 2), 50);
    t.ok(stdout.every((byte) => byte === 0));
  });

t.test('a layout other than mono and stereo has no silent frame', async (t) => {
  for (const channels of [0, 3, 6, -1, 1.5]) t.equal(silentAacFrame(channels), undefined);
});
