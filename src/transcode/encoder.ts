import type { FlvTag } from '../media/index.js';
import { type Clock, sleep } from '../platform/index.js';
import type { EncoderRunWriter } from '../streams/index.js';
import type { CmafListener, CmafSlot } from './cmaf-listener.js';
import { FEED_MARKS, Feed } from './feed.js';
import { AUDIO_SAMPLE_RATE, ffmpegPlan, VIDEO_TIMESCALE } from './ffmpeg-arguments.js';
import { type FfmpegProcess, type FfmpegTool, startFfmpeg } from './ffmpeg-process.js';
import type { Ladder } from './ladder.js';
import { MediaPosition } from './media-position.js';
import type { VideoEncoderSettings } from './video-encoder.js';

export type EncoderOptions = {
  ladder: Ladder;
  ffmpeg: FfmpegTool;
  encoder: VideoEncoderSettings;
  segmentDuration: number;
  listener: CmafListener;
  /** Added to the tags' timestamps to give media time, ms. */
  offset: number;
  /** Media time in ms before which nothing is put out. */
  from: number | undefined;
  /** More waits for ffmpeg than should (true), or no longer (false). */
  onFull(full: boolean): void;
  clock: Clock;
};

export type EncoderEnd = {
  /** `finished`: everything was put out. `stopped`: killed on purpose. */
  how: 'finished' | 'stopped' | 'failed';
  message: string;
  lastWords: string[];
  /** It has put out something. */
  delivered: boolean;
};

type Kind = 'video' | 'audio';

/** How the tags of one kind go in and come out. */
type Flow = {
  /** Timestamp of the newest tag that went in, ms. */
  given: number;
  /** What `given` was when something last came out. */
  answered: number;
  /** Since when (monotonic) tags have gone in without an answer. */
  asked: number | undefined;
  /** The last two distances between tags, ms: a picture comes out when the next one has gone in. */
  steps: [number, number];
  /** Something has come out. */
  delivered: boolean;
};

function newFlow(): Flow {
  return { given: 0, answered: 0, asked: undefined, steps: [0, 0], delivered: false };
}

type Output = { id: string; kind: Kind; slot: CmafSlot; position: MediaPosition; started: boolean };

/** Bytes that ffmpeg sent before it ended are still on their way: so long they are waited for. */
const LAST_BYTES_MS = 500;
/** Without a sign of life for so long an encoder hangs. */
const SILENCE_MS = 4_000;
/** A first sign takes longer: devices are opened, the input is probed. */
const FIRST_SIGN_MS = 10_000;
/** So much media must have gone in without anything coming out, ms: the end of a stream waits in the encoder. */
const SWALLOWED_MS = 3_000;

/** One ffmpeg with one ladder: tags in, the CMAF of all renditions out to an encoder run. */
export class Encoder {
  readonly ladder: Ladder;
  readonly offset: number;
  /** Resolves when the process is gone and the run is closed. Never rejects. */
  readonly closed: Promise<EncoderEnd>;
  readonly #options: EncoderOptions;
  readonly #outputs: Output[];
  readonly #process: FfmpegProcess;
  readonly #gone = new AbortController();
  readonly #flow: Record<Kind, Flow> = { video: newFlow(), audio: newFlow() };
  #writer: EncoderRunWriter | undefined;
  #feed: Feed | undefined;
  #pending = 0;
  #lastBytes: () => void = () => {};
  #fault: string | undefined;
  #stopped = false;
  #ending = false;

  /** Starts ffmpeg, which waits for its input until `open`. */
  constructor(options: EncoderOptions) {
    this.#options = options;
    this.ladder = options.ladder;
    this.offset = options.offset;
    const { video, audio } = options.ladder;
    this.#outputs = video.map(({ id }) => this.#output(id, 'video'));
    if (audio) this.#outputs.push(this.#output(audio.id, 'audio'));
    const urls = new Map(this.#outputs.map(({ id, slot }) => [id, slot.url]));
    const plan = ffmpegPlan({
      ladder: options.ladder,
      encoder: options.encoder,
      segmentDuration: options.segmentDuration,
      url: (id) => urls.get(id) ?? '',
      ...(options.from === undefined ? {} : { from: options.from / 1000 }),
    });
    this.#process = startFfmpeg(options.ffmpeg, plan);
    this.closed = this.#watch();
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** There is no use for a run any more. */
  refuse(writer: EncoderRunWriter): void {
    writer.close();
    this.stop();
  }

  /** Begins to encode: `first` are the configurations and the tags from a keyframe on. */
  open(writer: EncoderRunWriter, first: readonly FlvTag[]): void {
    this.#writer = writer;
    const { input } = this.#process;
    if (this.#stopped || this.#fault !== undefined || this.#gone.signal.aborted || !input) {
      writer.close();
      return;
    }
    this.#feed = new Feed(
      input,
      { audio: this.ladder.audio !== undefined, video: this.ladder.video.length > 0 },
      { offset: this.offset, ...FEED_MARKS, onFull: this.#options.onFull },
    );
    const start = first.find((tag) => !tag.header)?.timestamp ?? 0;
    for (const flow of Object.values(this.#flow)) Object.assign(flow, { given: start, answered: start });
    this.#feed.prime(first.length);
    for (const tag of first) this.write(tag);
    if (this.#ending) this.#feed.end();
  }

  write(tag: FlvTag): void {
    if (!this.#feed || this.#stopped) return;
    if (tag.kind !== 'script') {
      // A kind that the ladder does not have would make ffmpeg wait for more of it.
      if (tag.kind === 'video' ? this.ladder.video.length === 0 : !this.ladder.audio) return;
      const flow = this.#flow[tag.kind];
      flow.asked ??= this.#options.clock.monotonic();
      if (tag.timestamp > flow.given) {
        flow.steps = [flow.steps[1], tag.timestamp - flow.given];
        flow.given = tag.timestamp;
      }
    }
    this.#feed.write(tag);
  }

  /** No more tags will come: what waits is encoded and put out, within `ms`. */
  end(ms: number): void {
    this.#ending = true;
    this.#feed?.end();
    this.#options.clock.after(ms, () => this.stop(), this.#gone.signal);
  }

  /** Ends it at once. Nothing is written any more when this returns. */
  stop(): void {
    if (this.#gone.signal.aborted) return;
    this.#stopped = true;
    this.#kill();
  }

  /** Whether it takes tags and puts nothing out; it is then good for nothing but `fail`. */
  get hangs(): boolean {
    const now = this.#options.clock.monotonic();
    return Object.values(this.#flow).some(({ asked, delivered, given, answered }) => {
      if (asked === undefined || now - asked < (delivered ? SILENCE_MS : FIRST_SIGN_MS)) return false;
      const swallowed = given - answered;
      return swallowed > SWALLOWED_MS || (swallowed > 0 && (this.#feed?.bytes ?? 0) > 0);
    });
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
      const { given, steps } = this.#flow[output.kind];
      lag = Math.max(lag, given + this.offset - at - 2 * Math.max(...steps));
      position = Math.min(position, at);
    }
    return { lag, position };
  }

  #output(id: string, kind: Kind): Output {
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
    const flow = this.#flow[output.kind];
    flow.delivered = true;
    flow.asked = undefined;
    flow.answered = flow.given;
    output.position.push(bytes);
    this.#writer?.write(output.id, bytes);
  }

  #bodyOver(output: Omit<Output, 'slot'>): void {
    if (output.started && --this.#pending === 0) this.#lastBytes();
  }

  #kill(): void {
    for (const { slot } of this.#outputs) slot.close();
    this.#feed?.close();
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
      delivered: this.#flow.video.delivered || this.#flow.audio.delivered,
    };
  }
}
