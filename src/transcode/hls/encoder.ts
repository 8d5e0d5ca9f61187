import { type Clock, messageOf, sleep } from '../../platform/index.js';
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
  segmentDurationS: number;
  /** Maximum pixels of a published frame. */
  maxPixels: number;
  listener: CmafListener;
  /** Media times in ms before which nothing of a rendition is written, by its id. */
  from?: ReadonlyMap<string, number> | undefined;
  /** Called once at the first output before a run was opened; output is buffered meanwhile. */
  onEarly?(): void;
  clock: Clock;
};

/** Result of a supervised process. */
export type ProcessEnd = {
  /** `finished`: all output was written. `stopped`: killed on purpose. */
  how: 'finished' | 'stopped' | 'failed';
  message: string;
  lastLines: string[];
  /** Killed for exceeding its memory limit. */
  overMemory?: true;
};

export type EncoderEnd = ProcessEnd & {
  /** It produced output. */
  delivered: boolean;
};

/** Returns the end of a run that had no encoder. */
export function endWithoutEncoder(how: EncoderEnd['how'], message: string): EncoderEnd {
  return { how, message, lastLines: [], delivered: false };
}

/** Receiver of an encoder's CMAF. */
export type EncoderOutput = {
  /** @throws when a reader cannot understand the bytes */
  write(renditionId: string, bytes: Buffer): void;
  /** Called when the encoder has ended; may be called more than once. */
  close(): void;
};

type Output = { id: string; kind: MediaKind; slot: CmafSlot; position: MediaPosition; started: boolean };

/** Maximum wait for bytes that ffmpeg sent before it exited, ms. */
const LAST_BYTES_MS = 500;
/** Maximum output buffered before a run is opened. */
const MAXIMUM_EARLY_BYTES = 16 * 1024 * 1024;

/** One ffmpeg process for one ladder: passes on the CMAF of all renditions. */
export class Encoder {
  readonly ladder: Ladder;
  /** Resolves when the process has exited and the run is closed. Never rejects. */
  readonly closed: Promise<EncoderEnd>;
  readonly #options: EncoderOptions;
  readonly #outputs: Output[];
  readonly #process: FfmpegProcess;
  readonly #gone = new AbortController();
  #writer: EncoderOutput | undefined;
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
      segmentDurationS: options.segmentDurationS,
      maxPixels: options.maxPixels,
      url: (id) => urls.get(id) ?? '',
      fromMs: (id) => options.from?.get(id),
    });
    this.#process = startFfmpeg(options.ffmpeg, plan);
    if (this.#process.input) options.input.attach(this.#process.input);
    this.closed = this.#watch();
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Aborts when the process has exited. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** It produced output. */
  get delivered(): boolean {
    return this.#delivered;
  }

  /** Sets the run for all output. @returns false when the encoder has ended: the run is then closed */
  deliver(writer: EncoderOutput): boolean {
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

  /** Closes a run that is no longer needed. */
  refuse(writer: EncoderOutput): void {
    writer.close();
    this.stop();
  }

  /** Ends the input; the remaining output is written within `ms`. */
  end(ms: number): void {
    this.#options.input.end();
    this.#options.clock.after(ms, () => this.stop(), this.#gone.signal);
  }

  /** Kills the process; nothing is written after this returns. */
  stop(): void {
    if (this.#gone.signal.aborted) return;
    this.#stopped = true;
    this.#kill();
  }

  /** Kills the process after an error. */
  fail(message: string): void {
    if (this.#gone.signal.aborted) return;
    this.#fault ??= message;
    this.#kill();
  }

  /** Lag of output behind input and its position, ms of media; undefined before all renditions have output. */
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

  /** Media times (ms) at which the complete output of the renditions ends, by id. */
  get ends(): ReadonlyMap<string, number> {
    const ends = new Map<string, number>();
    for (const { id, position } of this.#outputs)
      if (position.endMs !== undefined) ends.set(id, position.endMs);
    return ends;
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
    this.#options.input.outputReceived(output.kind);
    output.position.push(bytes);
    if (this.#writer) this.#writer.write(output.id, bytes);
    else this.#keep(output.id, bytes);
    this.#delivered = true;
  }

  #keep(id: string, bytes: Buffer): void {
    this.#early.push({ id, bytes });
    this.#earlyBytes += bytes.length;
    if (this.#earlyBytes > MAXIMUM_EARLY_BYTES) this.fail('no run was opened for what came out');
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
      lastLines: exit.lastLines,
      ...(exit.overMemory ? { overMemory: true as const } : {}),
      delivered: this.#delivered,
    };
  }
}
