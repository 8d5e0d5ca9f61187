import { execFileSync } from 'node:child_process';
import { BARCODE } from '../../../scripts/bench/barcode.js';
import { run } from '../media/encoder.js';

/** Frame of the barcode camera: its presentation time, and the clock that it shows (undefined: unreadable). */
export type ClockFrame = { timeS: number; clockMs: number | undefined };

/** Reads a barcode. @returns Unix ms; undefined if its checksum is wrong */
export function clockOf(isWhite: (bit: number) => boolean): number | undefined {
  const { timeBits, sumBits } = BARCODE;
  let [time, sum, check] = [0, 0, 0];
  for (let bit = 0; bit < timeBits; bit++)
    if (isWhite(bit)) {
      time += 2 ** bit;
      sum += bit + 1;
    }
  for (let bit = 0; bit < sumBits; bit++) if (isWhite(timeBits + bit)) check += 2 ** bit;
  return check === sum % 2 ** sumBits ? time : undefined;
}

/** Decodes all frames of a file of the barcode camera, in the order of presentation. @param width of its frames, pixels */
export async function readFrameClocks(file: string, width: number): Promise<ClockFrame[]> {
  const cellPx = (BARCODE.cell * width) / BARCODE.width;
  const pixels = execFileSync(
    'ffmpeg',
    [
      ...['-v', 'error', '-i', file, '-map', '0:v:0', '-fps_mode', 'passthrough', '-enc_time_base', '-1'],
      ...['-vf', `crop=${width}:2:0:${cellPx / 2},format=gray`, '-f', 'rawvideo', 'pipe:1'],
    ],
    { maxBuffer: 256 * 2 ** 20 },
  );
  const entries = ['-show_entries', 'packet=pts_time', '-of', 'csv=p=0'];
  const { stdout } = await run('ffprobe', ['-v', 'error', '-select_streams', 'v:0', ...entries, file]);
  const times = stdout
    .trim()
    .split('\n')
    .map(Number.parseFloat)
    .sort((a, b) => a - b);
  const frameBytes = width * 2;
  if (times.length * frameBytes !== pixels.length)
    throw new Error(`${times.length} packets, ${pixels.length / frameBytes} frames`);
  return times.map((timeS, index) => ({
    timeS,
    clockMs: clockOf((bit) => (pixels[index * frameBytes + (bit + 0.5) * cellPx] ?? 0) > 127),
  }));
}
