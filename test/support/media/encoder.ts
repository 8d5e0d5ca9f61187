import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Test } from 'tap';

/** Environment variable with the folder of test media that the test files of a run share. */
export const TEST_MEDIA_FOLDER = 'HEADEND_TEST_MEDIA';

/**
 * Creates media for publishing, by default 640x360 at 29.97 fps with B-frames and a keyframe every 2 s, AAC at 44.1 kHz. The video
 * turns white and a tone sounds in the first tenth of every second. Encoded once per test run.
 */
export async function testMedia(
  durationS: number,
  {
    size = '640x360',
    rate = '30000/1001',
    bitrate = '800k',
    preset = 'ultrafast',
    bFrames = 2,
    x264Params = 'slices=1',
  } = {},
): Promise<string> {
  const folder =
    process.env[TEST_MEDIA_FOLDER] || path.join(os.tmpdir(), `headend-test-media-${process.ppid}`);
  // ffmpeg's filters read `=` and `:` in a file name as options.
  const name = ['media', durationS, size, rate, bitrate, preset, bFrames, x264Params]
    .join('-')
    .replaceAll(/[^\w-]/g, '-');
  const file = path.join(folder, `${name}.flv`);
  if (existsSync(file)) return file;
  mkdirSync(folder, { recursive: true });
  const temporaryFile = `${file}.${process.pid}`;
  const videoFilter = `testsrc2=size=${size}:rate=${rate},drawbox=color=white:thickness=fill:enable=lt(mod(t\\,1)\\,0.1)`;
  const audioFilter = "aevalsrc='if(lt(mod(t,1),0.1),0.5*sin(2*PI*1000*t),0)':s=44100";
  const args = [
    '-v',
    'error',
    '-f',
    'lavfi',
    '-i',
    videoFilter,
    '-f',
    'lavfi',
    '-i',
    audioFilter,
    '-t',
    String(durationS),
  ];
  args.push(
    ...`-c:v libx264 -preset ${preset} -bf ${bFrames} -g 60 -keyint_min 60 -sc_threshold 0`.split(' '),
    ...['-b:v', bitrate, '-x264-params', x264Params],
  );
  args.push(...'-pix_fmt yuv420p -c:a aac -b:a 96k -f flv'.split(' '), temporaryFile);
  await run('ffmpeg', args);
  renameSync(temporaryFile, file);
  return file;
}

/** Runs a program. @returns its output. @throws with its error output when it fails. */
export async function run(program: string, args: string[]): Promise<{ stdout: string; stderr: string }> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (bytes) => {
    stdout += bytes;
  });
  child.stderr.on('data', (bytes) => {
    stderr += bytes;
  });
  const [code, signal] = await once(child, 'close');
  if (code !== 0) throw new Error(`${program} ended with ${code ?? signal}: ${stderr.slice(-2000)}`);
  return { stdout, stderr };
}

export type EncoderOptions = {
  /** Start position in the file, s. */
  startS?: number;
  /** ffmpeg's `-map` options; all tracks by default. */
  mapping?: string[];
};

/** Encoder (a real ffmpeg) that publishes a file in real time. */
export class Encoder {
  readonly #child: ChildProcess;
  readonly ended: Promise<{ code: number | null; errors: string }>;

  constructor(file: string, url: string, options: EncoderOptions = {}) {
    const seek = options.startS === undefined ? [] : ['-ss', String(options.startS)];
    const args = ['-v', 'warning', '-re', ...seek, '-i', file, ...(options.mapping ?? []), '-c', 'copy'];
    args.push('-f', 'flv', '-flvflags', 'no_duration_filesize', url);
    this.#child = spawn('ffmpeg', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let errors = '';
    this.#child.stderr?.on('data', (bytes) => {
      errors += bytes;
    });
    this.ended = once(this.#child, 'close').then(([code]) => ({ code: code as number | null, errors }));
  }

  /** Stops ffmpeg: SIGTERM ends the publication in order, as OBS does; SIGKILL drops the connection. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    this.#child.kill(signal);
    await this.ended;
  }
}

/** Publishes a file until the test ends or the encoder is stopped. */
export function publish(t: Test, file: string, url: string, options: EncoderOptions = {}): Encoder {
  const encoder = new Encoder(file, url, options);
  t.teardown(() => encoder.stop('SIGKILL'));
  return encoder;
}
