import path from 'node:path';
import type { Test } from 'tap';
import type { Livestream } from '../gateway/gateway-process.js';
import { run } from './encoder.js';
import { flashToBeep } from './flash-and-beep.js';

/** Records HLS from now on. @returns the file */
export async function recordHls(t: Test, { hls }: Livestream, seconds: number): Promise<string> {
  const file = path.join(t.testdir(), 'recording.mp4');
  await run('ffmpeg', ['-v', 'error', '-i', hls, '-t', String(seconds), '-c', 'copy', file]);
  return file;
}

/** Asserts that beeps sound within 0.1 s of the flashes of every full second. */
export async function assertInSync(t: Test, recording: string, minimumFlashes: number): Promise<void> {
  const offsets = (await flashToBeep(recording)).toSorted((a, b) => a - b);
  t.ok(offsets.length >= minimumFlashes, `${offsets.length} flashes and beeps`);
  const median = offsets[offsets.length >> 1] ?? Number.NaN;
  t.ok(Math.abs(median) < 0.1, `beep ${Math.round(median * 1000)} ms after the flash`);
}
