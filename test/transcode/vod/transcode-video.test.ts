import { createWriteStream, readFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { CmafScanner } from '../../../src/media/index.js';
import { systemClock } from '../../../src/platform/index.js';
import { type TranscodeVideoOptions, transcodeVideo } from '../../../src/transcode/index.js';
import { run } from '../../support/media/encoder.js';

const ffmpeg = { path: '/usr/bin/ffmpeg', environment: { PATH: process.env.PATH } };

/** Makes a film without sound by ffmpeg. @param args input and encoder */
async function film(t: Test, name: string, args: string[]): Promise<string> {
  const file = path.join(t.testdir(), name);
  await run('ffmpeg', ['-v', 'error', ...args, file]);
  return file;
}

const SOURCE = ['-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=25:duration=6'];
const X264 = ['-c:v', 'libx264', '-preset', 'ultrafast'];

async function transcode(t: Test, file: string, more: Partial<TranscodeVideoOptions> = {}) {
  const folder = path.dirname(file);
  const progress: [share: number, byteLength: number][] = [];
  const done = await transcodeVideo(file, {
    ...{ ffmpeg, ladder: [{ height: 96, bitrate: 100_000 }], preset: 'ultrafast', audioBitrateBps: 64_000 },
    ...{ maxPixels: 9_437_184, maxDurationS: 60, clock: systemClock, signal: new AbortController().signal },
    createFile: async (rendition) => createWriteStream(path.join(folder, `${rendition}.out`)),
    onProgress: (...step) => progress.push(step),
    ...more,
  });
  for (const { rendition, init, segments } of done.files) {
    const bytes = readFileSync(path.join(folder, `${rendition}.out`));
    const listed = segments.reduce((sum, { byteLength }) => sum + byteLength, init.data.length);
    t.ok(listed <= bytes.length, `${rendition}: the index is within the file`);
    let position = init.data.length;
    for (const { byteLength, decodeTimeS } of segments) {
      const times: number[] = [];
      const scanner = new CmafScanner({
        init: () => {},
        sample: ({ decodeTime }) => times.push(decodeTime / init.timescale),
      });
      scanner.write(bytes.subarray(0, init.data.length));
      scanner.write(bytes.subarray(position, position + byteLength));
      t.equal(scanner.pending, 0, 'a segment is whole fragments');
      t.equal(times[0], decodeTimeS);
      position += byteLength;
    }
  }
  return { ...done, progress };
}

t.test('a rotated film without sound becomes upright renditions of the same segments', async (t) => {
  const plain = await film(t, 'plain.mp4', [...SOURCE, ...X264]);
  const file = path.join(path.dirname(plain), 'turned.mp4');
  await run('ffmpeg', ['-v', 'error', '-i', plain, '-c', 'copy', '-metadata:s:v:0', 'rotate=90', file]);
  const { files, durationS } = await transcode(t, file);
  t.match(files, [
    { rendition: '180p', init: { kind: 'video', width: 180, height: 320 }, frameRate: 25 },
    { rendition: '96p', init: { kind: 'video', width: 96 } },
  ]);
  t.equal(files.length, 2);
  t.ok(Math.abs(durationS - 6) < 0.1, `${durationS} s`);
  t.strictSame(
    files.map(({ segments }) => segments.length),
    [2, 2],
  );
});

t.test(
  'a film of a variable frame rate gets a constant one, and renditions that start together',
  async (t) => {
    const file = await film(t, 'variable.mkv', [
      ...SOURCE,
      ...['-vf', "select='not(between(t,1,3))'", '-fps_mode', 'vfr', ...X264],
    ]);
    const { files, durationS } = await transcode(t, file);
    t.ok(Math.abs(durationS - 6) < 0.2, `${durationS} s`);
    t.equal(files[0]?.segments.length, 2);
    t.strictSame(
      files[0]?.segments.map(({ decodeTimeS }) => decodeTimeS),
      [10, 14],
    );
  },
);

t.test('a transcoding waits while it must pause, and goes on', async (t) => {
  const file = await film(t, 'film.mp4', [...SOURCE, ...X264]);
  let open: () => void = () => {};
  let waiting = 0;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  let isOpen = false;
  const done = transcode(t, file, {
    whenAllowed: () => {
      if (isOpen) return undefined;
      waiting++;
      return opened;
    },
  });
  const first = await Promise.race([
    done.then(() => 'done'),
    new Promise((resolve) => setTimeout(resolve, 1_500, 'waits')),
  ]);
  t.equal(first, 'waits');
  t.ok(waiting > 0);
  isOpen = true;
  open();
  t.ok(Math.abs((await done).durationS - 6) < 0.1);
});

t.test('a transcoding that is cancelled rejects, and its process ends', async (t) => {
  const file = await film(t, 'film.mp4', [...SOURCE, ...X264]);
  const lifetime = new AbortController();
  const done = transcode(t, file, {
    signal: lifetime.signal,
    onProgress: () => lifetime.abort(),
    whenAllowed: () => undefined,
  });
  await t.rejects(done, { message: 'cancelled' });
});
