import { readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { readAc3Header } from '../../../src/media/index.js';
import { run } from '../../support/media/encoder.js';

for (const [codec, channels, sampleRate] of [
  ['ac3', 1, 44_100],
  ['ac3', 2, 48_000],
  ['ac3', 6, 48_000],
  ['eac3', 2, 32_000],
  ['eac3', 6, 48_000],
] as const)
  t.test(`${codec} with ${channels} channels at ${sampleRate} Hz is read from its first frame`, async (t) => {
    const file = path.join(t.testdir(), `sound.${codec}`);
    const source = ['-f', 'lavfi', '-i', `sine=sample_rate=${sampleRate}`, '-t', '0.2'];
    await run('ffmpeg', [
      ...['-v', 'error', ...source, '-ac', String(channels), '-c:a', codec, '-f', codec, file],
    ]);
    t.same(readAc3Header(readFileSync(file)), { sampleRate, channels });
  });

t.test('other bytes are no frame of AC-3', async (t) => {
  for (const bytes of [Buffer.alloc(0), Buffer.alloc(20), Buffer.of(0x0b, 0x77), Buffer.alloc(8, 0xff)])
    t.equal(readAc3Header(bytes), undefined);
  // A reserved sampling rate.
  t.equal(readAc3Header(Buffer.of(0x0b, 0x77, 0, 0, 0xc0, 0x40, 0, 0)), undefined);
});
