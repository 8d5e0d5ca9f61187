import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** Length of the loop, s. */
const LOOP_S = 20;

/** Publishes the same 360p video again and again without encoding, so that the publisher takes next to no processor time. */
export class LoopedVideo {
  readonly #folder = mkdtempSync(path.join(os.tmpdir(), 'headend-loop-'));
  readonly #file = path.join(this.#folder, 'loop.mp4');
  #publisher: ChildProcess | undefined;

  constructor() {
    const picture = `testsrc2=size=640x360:rate=30:duration=${LOOP_S}`;
    const sound = `sine=frequency=440:sample_rate=48000:duration=${LOOP_S}`;
    const codecs = '-c:v libx264 -preset veryfast -bf 0 -g 60 -b:v 600k -pix_fmt yuv420p -c:a aac -b:a 96k';
    execFileSync(
      'ffmpeg',
      `-v error -f lavfi -i ${picture} -f lavfi -i ${sound} ${codecs} ${this.#file}`.split(' '),
    );
  }

  start(rtmp: string): void {
    const options = `-v error -re -stream_loop -1 -i ${this.#file} -c copy -f flv ${rtmp}`;
    this.#publisher = spawn('ffmpeg', options.split(' '), { stdio: ['ignore', 'ignore', 'inherit'] });
  }

  stop(): void {
    this.#publisher?.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
