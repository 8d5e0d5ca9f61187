import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Test } from 'tap';
import { run } from './encoder.js';

/** Probes an image. @returns codec, width, height and sample aspect ratio, such as `mjpeg,320,180,1:1` */
export async function imageProperties(t: Test, image: Buffer): Promise<string> {
  const file = path.join(t.testdir(), 'picture.jpg');
  writeFileSync(file, image);
  const shown = ['-show_entries', 'stream=codec_name,width,height,sample_aspect_ratio', '-of', 'csv=p=0'];
  const { stdout, stderr } = await run('ffprobe', ['-v', 'error', ...shown, file]);
  return stderr.trim() || stdout.trim();
}
