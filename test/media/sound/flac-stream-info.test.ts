import { readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { readFlacStreamInfo } from '../../../src/media/index.js';
import { run } from '../../support/media/encoder.js';

t.test('the stream info of FLAC is read with and without its marker and head', async (t) => {
  const file = path.join(t.testdir(), 'sound.flac');
  const source = ['-f', 'lavfi', '-i', 'sine=sample_rate=44100', '-t', '0.2', '-ac', '6'];
  await run('ffmpeg', ['-v', 'error', ...source, '-f', 'flac', file]);
  const whole = readFileSync(file);
  const read = readFlacStreamInfo(whole);
  t.match(read, { sampleRate: 44_100, channels: 6 });
  for (const record of [whole.subarray(4), whole.subarray(8, 42)]) t.same(readFlacStreamInfo(record), read);
  t.ok(read?.configuration.subarray(8).equals(whole.subarray(8, 42)));
});

t.test('other bytes are no stream info', async (t) => {
  for (const record of [Buffer.alloc(0), Buffer.from('fLaC'), Buffer.alloc(34)])
    t.equal(readFlacStreamInfo(record), undefined);
});
