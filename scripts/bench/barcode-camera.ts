import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { BARCODE, encodeBarcode } from './barcode.js';

export type BarcodeCameraOptions = {
  /** RTMP URL to publish to: rtmp://host:port/live/key. */
  url: string;
  width?: number;
  height?: number;
  fps?: number;
  /** Video bitrate, bits/s. */
  bitrate?: number;
  ffmpeg?: string;
  /** Encodes two B-frames between reference frames, as most encoders do by default. */
  bFrames?: boolean;
};

const WHITE = 235;
const BLACK = 16;
const GREY = 128;
const SAMPLE_RATE_HZ = 48_000;
const TONE_HZ = 440;
/** Frames drawn by one timer tick; further ones are skipped after a pause of the process. */
const MAX_FRAMES_PER_TICK = 5;

/**
 * Simulates a camera and an encoder such as OBS: frames that carry their time (see `barcode.ts`) in front of a moving
 * background, and a tone, encoded with low delay and published by RTMP with a keyframe every two seconds.
 */
export class BarcodeCamera {
  readonly #options: Required<BarcodeCameraOptions>;
  readonly #background: Buffer;
  #ffmpeg: ChildProcess | undefined;
  #audio: Writable | undefined;
  #timer: NodeJS.Timeout | undefined;
  #frameCount = 0;
  #startedAt = 0;
  #errors = '';
  /** Resolves when the encoder has exited, with its exit code and stderr. */
  ended: Promise<{ code: number | null; errors: string }> = Promise.resolve({ code: null, errors: '' });

  constructor(options: BarcodeCameraOptions) {
    this.#options = {
      width: 1280,
      height: 720,
      fps: 30,
      bitrate: 2_500_000,
      ffmpeg: 'ffmpeg',
      bFrames: false,
      ...options,
    };
    const { width, height } = this.#options;
    if (width % BARCODE.width !== 0 && BARCODE.width % width !== 0)
      throw new Error('width must be a divisor or a multiple of 1280');
    // I420: luma, then two subsampled chroma planes, which stay grey.
    this.#background = Buffer.alloc((width * height * 3) / 2, GREY);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        this.#background[y * width + x] = BLACK + Math.floor((x * 200) / width) + ((y >> 5) & 1 ? 10 : 0);
  }

  start(): void {
    const { width, height, fps, bitrate, ffmpeg, url, bFrames } = this.#options;
    // Frame threads and the lookahead of libx264 would hold five more frames.
    const delay = bFrames
      ? ['-bf', '2', '-rc-lookahead', '0', '-x264-params', 'sliced-threads=1:sync-lookahead=0']
      : ['-tune', 'zerolatency'];
    const rate = String(bitrate);
    const child = spawn(
      ffmpeg,
      [
        // Skips probing: raw input needs none, and its time would stay as delay of the camera.
        ...['-hide_banner', '-v', 'error', '-fflags', 'nobuffer', '-probesize', '32', '-f', 'rawvideo'],
        ...['-pix_fmt', 'yuv420p', '-s', `${width}x${height}`, '-r', String(fps), '-i', 'pipe:0'],
        ...[
          '-fflags',
          'nobuffer',
          '-probesize',
          '32',
          '-f',
          's16le',
          '-ar',
          String(SAMPLE_RATE_HZ),
          '-ac',
          '1',
        ],
        ...['-i', 'pipe:3'],
        ...['-map', '0:v', '-map', '1:a', '-c:v', 'libx264', '-preset', 'ultrafast', ...delay],
        ...['-b:v', rate, '-maxrate', rate, '-bufsize', rate, '-g', String(fps * 2), '-sc_threshold', '0'],
        ...['-c:a', 'aac', '-b:a', '128k', '-f', 'flv', '-flvflags', 'no_duration_filesize', url],
      ],
      { stdio: ['pipe', 'ignore', 'pipe', 'pipe'] },
    );
    this.#ffmpeg = child;
    // The encoder may exit first; `ended` reports it.
    child.stdin?.on('error', () => {});
    this.#audio = child.stdio[3] as Writable;
    this.#audio.on('error', () => {});
    child.stderr?.on('data', (bytes: Buffer) => {
      this.#errors = (this.#errors + bytes).slice(-4_000);
    });
    this.ended = once(child, 'close').then(([code]) => {
      clearTimeout(this.#timer);
      return { code: code as number | null, errors: this.#errors };
    });
    // Frames that wait for ffmpeg to start would be sent in a burst, which no encoder with a camera does.
    this.#audio.write(this.#toneFor(this.#frameCount));
    child.stdin?.write(this.#draw(this.#frameCount++), () => {
      this.#startedAt = performance.now();
      this.#writeDueFrames();
    });
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    // Closes the inputs: ffmpeg, blocked on reading, would not handle SIGTERM.
    this.#ffmpeg?.stdin?.end();
    this.#audio?.end();
    this.#ffmpeg?.kill('SIGTERM');
    const killTimer = setTimeout(() => this.#ffmpeg?.kill('SIGKILL'), 3_000);
    await this.ended;
    clearTimeout(killTimer);
  }

  /** Writes the frames due by now: a late timer draws the missed ones, with the current time. */
  #writeDueFrames(): void {
    const { fps } = this.#options;
    const due = Math.floor(((performance.now() - this.#startedAt) * fps) / 1000) + 1;
    const stdin = this.#ffmpeg?.stdin;
    if (!stdin?.writable) return;
    for (let count = 0; this.#frameCount < due && count < MAX_FRAMES_PER_TICK; count++) {
      if (stdin.writableLength > this.#background.length * 4) break;
      this.#audio?.write(this.#toneFor(this.#frameCount));
      stdin.write(this.#draw(this.#frameCount++));
    }
    const next = this.#startedAt + (this.#frameCount * 1000) / fps - performance.now();
    this.#timer = setTimeout(() => this.#writeDueFrames(), Math.max(1, next));
  }

  /** Returns the audio of one frame's duration, so that audio and video stay in step. */
  #toneFor(number: number): Buffer {
    const { fps } = this.#options;
    const from = Math.round((number * SAMPLE_RATE_HZ) / fps);
    const to = Math.round(((number + 1) * SAMPLE_RATE_HZ) / fps);
    const samples = Buffer.allocUnsafe((to - from) * 2);
    for (let i = from; i < to; i++)
      samples.writeInt16LE(
        Math.round(3_000 * Math.sin((2 * Math.PI * TONE_HZ * i) / SAMPLE_RATE_HZ)),
        (i - from) * 2,
      );
    return samples;
  }

  #draw(number: number): Buffer {
    const { width, height } = this.#options;
    const frame = Buffer.from(this.#background);
    const size = Math.floor(height / 6);
    const left = (number * 7) % (width - size);
    for (let y = 0; y < size; y++)
      for (let x = 0; x < size; x++)
        frame[(2 * size + y) * width + left + x] = BLACK + ((x * y * 31 + number * 17) & 0xbf);
    const cell = (BARCODE.cell * width) / BARCODE.width;
    for (const [index, white] of encodeBarcode(Date.now()).entries())
      for (let y = 0; y < cell; y++) {
        const start = y * width + index * cell;
        frame.fill(white ? WHITE : BLACK, start, start + cell);
      }
    return frame;
  }
}
