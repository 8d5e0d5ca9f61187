import { writeFileSync } from 'node:fs';
import type { Test } from 'tap';
import { bytesOf, type RecordedRun } from '../fakes/fake-broadcast.js';
import { run as execute } from './encoder.js';

/**
 * Finds the flashes and beeps, in seconds of media time, in the video and audio rendition of a run.
 *
 * @returns for every flash that has a beep within half a second: its time, and beep minus flash, in seconds
 */
export async function flashesAndBeeps(
  t: Test,
  run: RecordedRun | undefined,
  video: string,
): Promise<{ at: number; offset: number }[]> {
  const folder = t.testdir();
  const files = [video, 'audio'].map((id) => {
    const file = `${folder}/${id}.mp4`;
    writeFileSync(file, bytesOf(run, id));
    return file;
  });
  const [videoFile = '', audioFile = ''] = files;
  const luma = await execute('ffprobe', [
    ...[
      '-v',
      'error',
      '-f',
      'lavfi',
      '-i',
      `movie=${videoFile},crop=iw/5:ih/2,scale=32:18:flags=area,signalstats`,
    ],
    ...['-show_entries', 'frame=pts_time:frame_tags=lavfi.signalstats.YAVG', '-of', 'csv=p=0'],
  ]);
  const frames = luma.stdout.trim().split('\n');
  const white = frames
    .map((line) => line.split(',').map(Number))
    .map(([time = 0, level = 0]) => ({ time, white: level > 200 }));
  const flashes = white.filter((frame, index) => frame.white && index > 0 && !white[index - 1]?.white);
  const silence = await execute('ffmpeg', [
    ...['-v', 'info', '-nostats', '-copyts', '-i', audioFile, '-map', '0:a:0'],
    ...['-af', 'silencedetect=noise=-30dB:d=0.3', '-f', 'null', '-'],
  ]);
  const beeps = [...silence.stderr.matchAll(/silence_end: ([\d.]+)/g)].map((match) => Number(match[1]));
  return flashes.flatMap(({ time }) => {
    const beep = beeps.find((other) => Math.abs(other - time) < 0.5);
    return beep === undefined ? [] : [{ at: time, offset: beep - time }];
  });
}
