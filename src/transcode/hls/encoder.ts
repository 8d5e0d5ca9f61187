import { type Clock, messageOf, sleep } from '../../platform/index.js';
import type { EncoderRunWriter } from '../../streams/index.js';
import { AUDIO_SAMPLE_RATE, ffmpegPlan, VIDEO_TIMESCALE } from '../ffmpeg/ffmpeg-arguments.js';
import { type FfmpegProcess, type FfmpegTool, startFfmpeg } from '../ffmpeg/ffmpeg-process.js';
import type { VideoEncoderSettings } from '../ffmpeg/video-encoder.js';
import type { EncoderInput, MediaKind } from '../inputs/encoder-input.js';
import type { CmafListener, CmafSlot } from './cmaf-listener.js';
import type { Ladder } from './ladder.js';
import { MediaPosition } from './media-position.js';

export type EncoderOptions = {
  ladder: Ladder;
  input: EncoderInput;
  ffmpeg: FfmpegTool;
  encoder: VideoEncoderSettings;
  segmentDuration: number;
  /** Pixels of the largest picture that a publisher may send. */
  maxPixels: number;
  listener: CmafListener;
  /** Media time in ms before which nothing is put out. */
  from?: number | undefined;
  /** Something came out before there was a run for it: it is kept for a while. Called once. */
  onEarly?(): void;
  clock: Clock;
};

/** How a process that was kept running came to its end. */
export type ProcessEnd = {
  /** `finished`: everything was put out. `stopped`: killed on purpose. */
  how: 'finished' | 'stopped' | 'failed';
  message: string;
  lastWords: string[];
  /** It was ended because it took too much memory. */
  overMemory?: true;
};

export type EncoderEnd = ProcessEnd & {
  /** It has put out something. */
  delivered: boolean;
};

type Output = { id: string; kind: MediaKind; slot: CmafSlot; position: MediaPosition; started: boolean };

/** Bytes that ffmpeg sent before it ended are still on their way: so long they are waited for. */
const LAST_BYTES_MS = 500;
/** What comes out before there is a run is kept up to this, bytes. */
const EARLY_BYTES = 16 * 1024 * 1024;

/** One ffmpeg with one ladder: media in, the CMAF of all renditions out to an encoder run. */
export class Encoder {
  readonly ladder: Ladder;
  /** Resolves when the process is gone and the run is closed. Never rejects. */
  readonly closed: Promise<EncoderEnd>;
  readonly #options: EncoderOptions;
  readonly #outputs: Output[];
  readonly #process: FfmpegProcess;
  readonly #gone = new AbortController();
  #writer: EncoderRunWriter | undefined;
  #early: { id: string; bytes: Buffer }[] = [];
  #earlyBytes = 0;
  #pending = 0;
  #lastBytes: () => void = () => {};
  #fault: string | undefined;
  #stopped = false;
  #delivered = false;

  /** Starts ffmpeg. */
  constructor(options: EncoderOptions) {
    this.#options = options;
    this.ladder = options.ladder;
    const { video, audio } = options.ladder;
    this.#outputs = video.map(({ id }) => this.#output(id, 'video'));
    if (audio) this.#outputs.push(this.#output(audio.id, 'audio'));
    const urls = new Map(this.#outputs.map(({ id, slot }) => [id, slot.url]));
    const plan = ffmpegPlan({
      ladder: options.ladder,
      input: options.input.format,
      encoder: options.encoder,
      segmentDuration: options.segmentDuration,
      maxPixels: options.maxPixels,
      url: (id) => urls.get(id) ?? '',
      ...(options.from === undefined ? {} : { from: options.from / 1000 }),
    });
    this.#process = startFfmpeg(options.ffmpeg, plan);
    if (this.#process.input) options.input.attach(this.#process.input);
    this.closed = this.#watch();
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Aborts when the process is gone. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** It has put out something. */
  get delivered(): boolean {
    return this.#delivered;
  }

  /** Where everything goes. @returns false when it is too late for that: the run is then closed. */
  deliver(writer: EncoderRunWriter): boolean {
    if (this.#stopped || this.#fault !== undefined || this.#gone.signal.aborted) {
      writer.close();
      return false;
    }
    this.#writer = writer;
    const early = this.#early;
    this.#early = [];
    try {
      for (const { id, bytes } of early) writer.write(id, bytes);
    } catch (error) {
      this.fail(messageOf(error));
    }
    return true;
  }

  /** There is no use for a run any more. */
  refuse(writer: EncoderRunWriter): void {
    writer.close();
    this.stop();
  }

  /** No more media will come: what waits is encoded and put out, within `ms`. */
  end(ms: number): void {
    this.#options.input.end();
    this.#options.clock.after(ms, () => this.stop(), this.#gone.signal);
  }

  /** Ends it at once. Nothing is written any more when this returns. */
  stop(): void {
    if (this.#gone.signal.aborted) return;
    this.#stopped = true;
    this.#kill();
  }

  /** Kills it for a reason of ours. */
  fail(message: string): void {
    if (this.#gone.signal.aborted) return;
    this.#fault ??= message;
    this.#kill();
  }

  /** How far what comes out is behind what went in, and where it is, ms of media; undefined before all came out. */
  get progress(): { lag: number; position: number } | undefined {
    let lag = 0;
    let position = Number.POSITIVE_INFINITY;
    for (const output of this.#outputs) {
      const at = output.position.milliseconds;
      if (at === undefined) return undefined;
      lag = Math.max(lag, this.#options.input.lag(output.kind, at));
      position = Math.min(position, at);
    }
    return { lag, position };
  }

  #output(id: string, kind: MediaKind): Output {
    const output: Omit<Output, 'slot'> = {
      id,
      kind,
      started: false,
      position: new MediaPosition(kind === 'video' ? VIDEO_TIMESCALE : AUDIO_SAMPLE_RATE),
    };
    const slot = this.#options.listener.open({
      write: (bytes) => this.#received(output, bytes),
      end: () => this.#bodyOver(output),
      broken: (error) => {
        this.#bodyOver(output);
        this.fail(`${id}: ${error.message}`);
      },
    });
    return Object.assign(output, { slot });
  }

  #received(output: Omit<Output, 'slot'>, bytes: Buffer): void {
    if (!output.started) {
      output.started = true;
      this.#pending++;
    }
    this.#options.input.answered(output.kind);
    output.position.push(bytes);
    if (this.#writer) this.#writer.write(output.id, bytes);
    else this.#keep(output.id, bytes);
    this.#delivered = true;
  }

  #keep(id: string, bytes: Buffer): void {
    this.#early.push({ id, bytes });
    this.#earlyBytes += bytes.length;
    if (this.#earlyBytes > EARLY_BYTES) this.fail('no run was opened for what came out');
    else if (!this.#delivered) this.#options.onEarly?.();
  }

  #bodyOver(output: Omit<Output, 'slot'>): void {
    if (output.started && --this.#pending === 0) this.#lastBytes();
  }

  #kill(): void {
    for (const { slot } of this.#outputs) slot.close();
    this.#options.input.close();
    this.#early = [];
    this.#writer?.close();
    this.#process.kill();
  }

  async #watch(): Promise<EncoderEnd> {
    const exit = await this.#process.exited;
    if (this.#pending > 0 && !this.#stopped && this.#fault === undefined)
      await Promise.race([
        new Promise<void>((resolve) => {
          this.#lastBytes = resolve;
        }),
        sleep(this.#options.clock, LAST_BYTES_MS, this.#gone.signal),
      ]);
    this.#gone.abort();
    this.#kill();
    const how = this.#stopped ? 'stopped' : exit.clean && this.#fault === undefined ? 'finished' : 'failed';
    return {
      how,
      message: this.#fault === undefined ? exit.message : `${this.#fault} (${exit.message})`,
      lastWords: exit.lastWords,
      ...(exit.overMemory ? { overMemory: true as const } : {}),
      delivered: this.#delivered,
    };
  }
}
