import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import t, { type Test } from 'tap';
import { ffmpegPlan } from '../../../src/transcode/ffmpeg/ffmpeg-arguments.js';
import { readableRtp } from '../../../src/transcode/ffmpeg/rtp-check.js';
import { chooseLadder, DEFAULT_LADDER } from '../../../src/transcode/hls/ladder.js';
import { MatroskaInput } from '../../../src/transcode/inputs/matroska-input.js';
import { FakeClock } from '../../support/fakes/fake-clock.js';

/** Options of the fake SFU output. */
class Source {
  readonly asked: { zero: number; audio: boolean }[] = [];
  closed = 0;

  async sendMatroska(options: { zero: number; audio: boolean }): Promise<{ path: string; close(): void }> {
    this.asked.push(options);
    return { path: '/run/0-1.sock', close: () => void this.closed++ };
  }
}

const AV1 = { audio: true, frameRate: 30, decoder: 'libdav1d' };

t.test('media time begins at the request of the stream, and ends with the stream', async (t) => {
  const clock = new FakeClock();
  const source = new Source();
  const input = await MatroskaInput.open({ ...AV1, source, clock });
  const begun = clock.now();
  t.strictSame(source.asked, [{ zero: begun - 10_000, audio: true }]);
  t.strictSame(input.format, { kind: 'matroska', frameRate: 30, decoder: 'libdav1d', path: '/run/0-1.sock' });
  const output = new PassThrough();
  input.attach(output);
  t.ok(output.writableEnded, 'nothing is read there');
  await clock.advance(100);
  t.equal(await input.startSource(), begun);
  input.end();
  t.equal(source.closed, 1);
  input.close();
});

t.test('an encoder without output is stalled after a while', async (t) => {
  const clock = new FakeClock();
  const input = await MatroskaInput.open({ ...AV1, source: new Source(), clock });
  await clock.advance(60_000);
  t.notOk(input.stalled, 'it was not begun');
  await input.startSource();
  await clock.advance(9_900);
  t.notOk(input.stalled);
  await clock.advance(200);
  t.ok(input.stalled);
  input.outputReceived('video');
  input.outputReceived('audio');
  t.notOk(input.stalled);
  await clock.advance(3_000);
  input.outputReceived('audio');
  t.equal(input.quiet, 3_000);
  t.equal(input.lag('video', 100), 0);
  await clock.advance(1_100);
  t.ok(input.stalled, 'one kind alone');
  t.ok(input.lag('video', 200) > 900, 'it has fallen behind');
});

t.test('ffmpeg connects to the Unix socket, keeps timestamps and delays no frame', async (t) => {
  const ladder = chooseLadder({
    video: { codec: 'h264', width: 1280, height: 720, frameRate: 30 },
    audio: { codec: 'opus' },
    ...{ rungs: DEFAULT_LADDER, audioBitrateBps: 128_000, passthrough: false, shed: new Set<string>() },
  });
  const plan = ffmpegPlan({
    ...{ ladder, segmentDurationS: 2, maxPixels: 9_437_184, url: (id: string) => id },
    input: { kind: 'matroska', frameRate: 30, decoder: 'libdav1d', path: '/run/0-1.sock' },
    encoder: { encoder: 'software', preset: 'veryfast', threads: 2, vaapiDevice: '' },
  });
  t.equal(plan.input, 'unix:/run/0-1.sock');
  const options = plan.inputOptions.join(' ');
  t.match(
    options,
    /-max_pixels 10027008 -rw_timeout 12000000 .*-copyts -c:v libdav1d -flags:v low_delay -f matroska$/,
  );
  t.notMatch(options, /itsoffset/);
  t.match(plan.complexFilter, /^\[0:v:0\]trim=start=5,fps=30,split/);
  t.match(plan.outputs.at(-1)?.options.join(' '), /aresample=async=1000/);
});

/** An ffmpeg that has these decoders. */
function ffmpegWith(t: Test, ...decoders: string[]): { path: string; environment: NodeJS.ProcessEnv } {
  const file = path.join(t.testdir(), 'ffmpeg');
  const lines = ['h264', 'vp8', 'av1', ...decoders].map(
    (name) => `echo ' V....D ${name}   decoder (codec av1)'`,
  );
  writeFileSync(file, ['#!/bin/sh', "echo ' ------'", ...lines, ''].join('\n'));
  chmodSync(file, 0o755);
  return { path: file, environment: {} };
}

t.test('AV1 is accepted where a software decoder exists', async (t) => {
  const usual = ['h264', 'vp8', 'vp9'];
  t.strictSame(await readableRtp(ffmpegWith(t)), { codecs: usual, av1Decoder: undefined });
  t.strictSame(await readableRtp(ffmpegWith(t, 'libaom-av1')), {
    codecs: [...usual, 'av1'],
    av1Decoder: 'libaom-av1',
  });
  t.match(await readableRtp(ffmpegWith(t, 'libaom-av1', 'libdav1d')), { av1Decoder: 'libdav1d' });
});
