import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { newSrtpKey, SRTP_SUITE } from '../../../src/media/index.js';
import { ffmpegPlan, type InputFormat } from '../../../src/transcode/ffmpeg/ffmpeg-arguments.js';
import { findFfmpeg } from '../../../src/transcode/ffmpeg/ffmpeg-check.js';
import { type FfmpegProcess, startFfmpeg } from '../../../src/transcode/ffmpeg/ffmpeg-process.js';
import { chooseLadder } from '../../../src/transcode/hls/ladder.js';
import { PortPairs } from '../../../src/transcode/inputs/port-pairs.js';
import { sessionDescription } from '../../../src/transcode/inputs/rtp-session.js';
import { makeFlv } from '../../support/media/flv-file.js';

const LINUX = process.platform === 'linux' ? false : 'there is no /proc';
const LIMIT = 9_437_184;
/** Probing decodes a picture before the limit holds, each of 100 MB. */
const MODEST_BYTES = 500e6;

const hostile = makeFlv([
  ...['-f', 'lavfi', '-i', 'color=size=8192x8192:rate=2', '-frames:v', '4', '-pix_fmt', 'yuv420p'],
  ...['-c:v', 'libx264', '-preset', 'ultrafast', '-threads', '1', '-x264-params', 'aud=0:repeat-headers=1'],
]);

async function started(input: InputFormat, maxPixels: number): Promise<FfmpegProcess> {
  const ladder = chooseLadder({
    video: { codec: 'h264', width: 640, height: 360, frameRate: 30 },
    ...{
      audio: undefined,
      rungs: 'off',
      audioBitrateBps: 128_000,
      passthrough: false,
      shed: new Set<string>(),
    },
  });
  const plan = ffmpegPlan({
    ...{ ladder, input, maxPixels, segmentDurationS: 2, url: () => '/dev/null' },
    encoder: { encoder: 'software', preset: 'ultrafast', threads: 1, vaapiDevice: '' },
  });
  for (const { options } of plan.outputs) options.push('-y');
  return startFfmpeg(await findFfmpeg(undefined, { PATH: process.env.PATH }), plan);
}

/** Bytes that were resident at most, until it has exited or `over` resolves. */
async function peakOf({ pid, exited }: FfmpegProcess, over: Promise<unknown> = exited): Promise<number> {
  let peak = 0;
  let done = false;
  const finished = Promise.race([exited, over]).then(() => (done = true));
  while (!done) {
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'latin1');
      peak = Math.max(peak, Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024);
    } catch {
      // It has exited.
    }
    await Promise.race([finished, new Promise((resolve) => setTimeout(resolve, 20))]);
  }
  return peak;
}

async function readFlv(maxPixels: number): Promise<{ peak: number; clean: boolean }> {
  const ffmpeg = await started({ kind: 'tags', container: 'flv' }, maxPixels);
  ffmpeg.input?.end(await hostile);
  const [peak, { clean }] = await Promise.all([peakOf(ffmpeg), ffmpeg.exited]);
  return { peak, clean };
}

t.test('ffmpeg does not decode video of 8192x8192 from FLV', { skip: LINUX }, async (t) => {
  const limited = await readFlv(LIMIT);
  t.notOk(limited.clean, 'it refuses to decode');
  t.ok(limited.peak > 10e6 && limited.peak < MODEST_BYTES, `${Math.round(limited.peak / 1e6)} MB`);
  t.ok((await readFlv(2 ** 27)).clean, 'without a limit it would');
});

t.test('ffmpeg does not decode video of 8192x8192 from RTP', { skip: LINUX }, async (t: Test) => {
  const pairs = new PortPairs();
  const port = await pairs.take();
  const srtpKey = newSrtpKey();
  const file = path.join(t.testdir(), 'hostile.flv');
  writeFileSync(file, await hostile);
  const ffmpeg = await started({ kind: 'rtp', frameRate: 30 }, LIMIT);
  t.teardown(() => ffmpeg.kill());
  ffmpeg.input?.end(sessionDescription({ srtpKey, video: { codec: 'h264', port } }));
  // Repeated, as ffmpeg begins to listen at some time.
  const sender: ChildProcess = spawn(
    'ffmpeg',
    [
      ...['-v', 'error', '-nostdin', '-re', '-stream_loop', '5', '-i', file, '-c', 'copy'],
      ...[
        '-f',
        'rtp',
        '-payload_type',
        '96',
        ...[
          '-srtp_out_suite',
          SRTP_SUITE,
          '-srtp_out_params',
          srtpKey,
          `srtp://127.0.0.1:${port}?pkt_size=1200`,
        ],
      ],
    ],
    { stdio: 'ignore' },
  );
  t.teardown(() => sender.kill('SIGKILL'));
  const sent = new Promise((resolve) => sender.once('exit', resolve));
  const peak = await peakOf(ffmpeg, sent);
  t.ok(peak > 10e6 && peak < MODEST_BYTES, `${Math.round(peak / 1e6)} MB`);
  ffmpeg.kill();
  const { lastLines } = await ffmpeg.exited;
  t.match(lastLines.join('\n'), /8192x8192/, 'it saw the picture');
});
