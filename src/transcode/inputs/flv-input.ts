import type { Writable } from 'node:stream';
import type { FlvTag } from '../../media/index.js';
import type { Clock } from '../../platform/index.js';
import type { EncoderInput, MediaKind } from './encoder-input.js';
import { FLV_PIPE_MARKS, FlvPipe } from './flv-pipe.js';

export type FlvInputOptions = {
  /** What the ladder is made of: tags of a kind that it does not have would make ffmpeg wait for more of it. */
  has: { audio: boolean; video: boolean };
  /** Added to the tags' timestamps to give media time, ms. */
  offset: number;
  /** More waits for ffmpeg than should (true), or no longer (false). */
  onFull(full: boolean): void;
  clock: Clock;
};

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

/** Without a sign of life for so long an encoder hangs. */
const SILENCE_MS = 4_000;
/** A first sign takes longer: devices are opened, the input is probed. */
const FIRST_SIGN_MS = 10_000;
/** So much media must have gone in without anything coming out, ms: the end of a stream waits in the encoder. */
const SWALLOWED_MS = 3_000;

/** Feeds an encoder with the tags of a publication, by its standard input. */
export class FlvInput implements EncoderInput {
  readonly format = { kind: 'flv' } as const;
  readonly #options: FlvInputOptions;
  readonly #flow: Record<MediaKind, Flow> = { video: newFlow(), audio: newFlow() };
  #output: Writable | undefined;
  #feed: FlvPipe | undefined;
  #ending = false;
  #closed = false;

  constructor(options: FlvInputOptions) {
    this.#options = options;
  }

  attach(output: Writable): void {
    this.#output = output;
  }

  /** Begins with the configurations and the tags from a keyframe on. Until then ffmpeg waits. */
  begin(first: readonly FlvTag[]): void {
    if (!this.#output || this.#closed) return;
    const { has, offset, onFull } = this.#options;
    this.#feed = new FlvPipe(this.#output, has, { offset, ...FLV_PIPE_MARKS, onFull });
    const start = first.find((tag) => !tag.header)?.timestamp ?? 0;
    for (const flow of Object.values(this.#flow)) Object.assign(flow, { given: start, answered: start });
    this.#feed.prime(first.length);
    for (const tag of first) this.write(tag);
    if (this.#ending) this.#feed.end();
  }

  write(tag: FlvTag): void {
    if (!this.#feed || this.#closed) return;
    if (tag.kind !== 'script') {
      if (!this.#options.has[tag.kind]) return;
      const flow = this.#flow[tag.kind];
      flow.asked ??= this.#options.clock.monotonic();
      if (tag.timestamp > flow.given) {
        flow.steps = [flow.steps[1], tag.timestamp - flow.given];
        flow.given = tag.timestamp;
      }
    }
    this.#feed.write(tag);
  }

  end(): void {
    this.#ending = true;
    this.#feed?.end();
  }

  close(): void {
    this.#closed = true;
    this.#feed?.close();
  }

  answered(kind: MediaKind): void {
    const flow = this.#flow[kind];
    flow.delivered = true;
    flow.asked = undefined;
    flow.answered = flow.given;
  }

  lag(kind: MediaKind, position: number): number {
    const { given, steps } = this.#flow[kind];
    return given + this.#options.offset - position - 2 * Math.max(...steps);
  }

  /** Whether ffmpeg takes tags and puts nothing out. */
  get hangs(): boolean {
    const now = this.#options.clock.monotonic();
    return Object.values(this.#flow).some(({ asked, delivered, given, answered }) => {
      if (asked === undefined || now - asked < (delivered ? SILENCE_MS : FIRST_SIGN_MS)) return false;
      const swallowed = given - answered;
      return swallowed > SWALLOWED_MS || (swallowed > 0 && (this.#feed?.bytes ?? 0) > 0);
    });
  }
}
