import type { Writable } from 'node:stream';
import type { FlvTag, SourceInfo } from '../../media/index.js';
import type { Clock } from '../../platform/index.js';
import type { InputFormat } from '../ffmpeg/ffmpeg-arguments.js';
import type { EncoderInput, MediaKind } from './encoder-input.js';
import { frameRateTag } from './flv-metadata.js';
import { FLV_PIPE_MARKS, FlvPipe } from './flv-pipe.js';
import type { JoinedTags } from './gop-buffer.js';
import { tagFraming, tagInput } from './tag-framing.js';

export type FlvInputOptions = {
  /** Kinds in the ladder: with tags of another kind ffmpeg would wait for more of them. */
  has: { audio: boolean; video: boolean };
  /** Added to tag timestamps to give media time, ms. */
  offset: number;
  info: Pick<SourceInfo, 'video' | 'audio'>;
  /** Name of ffmpeg's AV1 decoder. */
  av1Decoder: string | undefined;
  /** Called when the backlog for ffmpeg becomes too large or small enough (`isFull`). */
  onFull(): void;
  clock: Clock;
};

/** Input and output of one kind. */
type Flow = {
  /** Timestamp of the newest input, ms. */
  given: number;
  /** `given` at the last output. */
  answered: number;
  /** Monotonic ms of the first tag without output since. */
  asked: number | undefined;
  /** Last two tag intervals, ms: a frame comes out after the next has gone in. */
  steps: [number, number];
  /** Output exists. */
  delivered: boolean;
};

/** Announced when the source's rate is unknown, frames/s. */
const DEFAULT_FRAME_RATE = 30;

function newFlow(): Flow {
  return { given: 0, answered: 0, asked: undefined, steps: [0, 0], delivered: false };
}

/** Time without output after which an encoder hangs, ms. */
const SILENCE_MS = 4_000;
/** The same before the first output, which waits for devices and probing. */
const FIRST_SIGN_MS = 10_000;
/** Minimum input without output, ms of media: the end of a stream stays in the encoder. */
const UNANSWERED_MEDIA_MS = 3_000;

/** Writes a publication's tags to an encoder's standard input. */
export class FlvInput implements EncoderInput {
  readonly format: InputFormat;
  readonly #options: FlvInputOptions;
  readonly #flow: Record<MediaKind, Flow> = { video: newFlow(), audio: newFlow() };
  #output: Writable | undefined;
  #pipe: FlvPipe | undefined;
  #isFull = false;
  #ending = false;
  #closed = false;

  constructor(options: FlvInputOptions) {
    this.#options = options;
    const { info, av1Decoder } = options;
    this.format = tagInput(info, av1Decoder);
  }

  attach(output: Writable): void {
    this.#output = output;
  }

  /**
   * Starts with the frame rate, the configurations and the tags since a keyframe; ffmpeg waits until then.
   *
   * @param frameRate of the source, frames/s
   */
  begin({ tags, newest, videoHeader, audioHeader }: JoinedTags, frameRate = DEFAULT_FRAME_RATE): void {
    if (!this.#output || this.#closed) return;
    const { has, offset, info } = this.#options;
    const onFull = (full: boolean): void => {
      this.#isFull = full;
      this.#options.onFull();
    };
    const framing = tagFraming({ has, info, frameRate, videoHeader, audioHeader });
    this.#pipe = new FlvPipe(this.#output, framing, { offset, ...FLV_PIPE_MARKS, onFull });
    const start = tags[0]?.timestamp ?? newest;
    const first: FlvTag[] = has.video ? [frameRateTag(frameRate, start)] : [];
    for (const header of [videoHeader, audioHeader]) if (header) first.push({ ...header, timestamp: start });
    first.push(...tags);
    for (const flow of Object.values(this.#flow)) Object.assign(flow, { given: start, answered: start });
    this.#pipe.prime(first.length);
    for (const tag of first) this.write(tag);
    if (this.#ending) this.#pipe.end();
  }

  write(tag: FlvTag): void {
    if (!this.#pipe || this.#closed) return;
    if (tag.kind !== 'script') {
      if (!this.#options.has[tag.kind]) return;
      const flow = this.#flow[tag.kind];
      flow.asked ??= this.#options.clock.monotonic();
      if (tag.timestamp > flow.given) {
        flow.steps = [flow.steps[1], tag.timestamp - flow.given];
        flow.given = tag.timestamp;
      }
    }
    this.#pipe.write(tag);
  }

  end(): void {
    this.#ending = true;
    this.#pipe?.end();
  }

  close(): void {
    this.#closed = true;
    this.#pipe?.close();
  }

  /** The backlog for ffmpeg is too large. */
  get isFull(): boolean {
    return this.#isFull;
  }

  get backlogBytes(): number {
    return this.#pipe?.bytes ?? 0;
  }

  outputReceived(kind: MediaKind): void {
    const flow = this.#flow[kind];
    flow.delivered = true;
    flow.asked = undefined;
    flow.answered = flow.given;
  }

  lag(kind: MediaKind, position: number): number {
    const { given, steps } = this.#flow[kind];
    return given + this.#options.offset - position - 2 * Math.max(...steps);
  }

  /** Whether ffmpeg reads tags without producing output. */
  get isHanging(): boolean {
    const now = this.#options.clock.monotonic();
    return Object.values(this.#flow).some(({ asked, delivered, given, answered }) => {
      if (asked === undefined || now - asked < (delivered ? SILENCE_MS : FIRST_SIGN_MS)) return false;
      const swallowed = given - answered;
      return swallowed > UNANSWERED_MEDIA_MS || (swallowed > 0 && this.backlogBytes > 0);
    });
  }
}
