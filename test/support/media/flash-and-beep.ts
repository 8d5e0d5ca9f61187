import { run } from './encoder.js';

/**
 * Measures the offset of beep and flash in a recording of `testMedia()`.
 *
 * @returns for every flash that has a beep within half a second: beep minus flash, in seconds.
 */
export async function flashToBeep(file: string): Promise<number[]> {
  const video = await run('ffprobe', [
    ...['-v', 'error', '-f', 'lavfi', '-i', `movie=${file},scale=32:18:flags=area,signalstats`],
    ...['-show_entries', 'frame=pts_time:frame_tags=lavfi.signalstats.YAVG', '-of', 'csv=p=0'],
  ]);
  const frames = video.stdout
    .trim()
    .split('\n')
    .map((line) => line.split(',').map(Number))
    .map(([time = 0, luma = 0]) => ({ time, white: luma > 220 }));
  const flashes = frames
    .filter((frame, i) => frame.white && i > 0 && !frames[i - 1]?.white)
    .map(({ time }) => time);
  const audio = await run('ffmpeg', [
    ...[
      '-v',
      'info',
      '-nostats',
      // Without it, times are relative to the start of the file.
      '-copyts',
      '-i',
      file,
      '-map',
      '0:a:0',
      '-af',
      'silencedetect=noise=-30dB:d=0.3',
      '-f',
      'null',
      '-',
    ],
  ]);
  const beeps = [...audio.stderr.matchAll(/silence_end: ([\d.]+)/g)].map((match) => Number(match[1]));
  return flashes.flatMap((flash) => {
    const beep = beeps.find((time) => Math.abs(time - flash) < 0.5);
    return beep === undefined ? [] : [beep - flash];
  });
}
