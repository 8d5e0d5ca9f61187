import type { Writable } from 'node:stream';
import type { FlvTag } from '../../media/index.js';
import type { TagFraming } from './tag-framing.js';

export type FlvPipeOptions = {
  /** Added to every timestamp, ms. */
  offset: number;
  /** Backlog limits: full above `high`, until it falls below `low`. */
  high: FlvPipeMark;
  low: FlvPipeMark;
  /** Called when the pipe becomes full (true) or free (false). */
  onFull(full: boolean): void;
};

export type FlvPipeMark = { bytes: number; ms: number };

export const FLV_PIPE_MARKS: Pick<FlvPipeOptions, 'high' | 'low'> = {
  high: { bytes: 8 * 1024 * 1024, ms: 3_000 },
  low: { bytes: 4 * 1024 * 1024, ms: 1_500 },
};

/** Maximum bytes handed to the stream ahead of ffmpeg; the rest stays here, where it is counted. */
const AHEAD_BYTES = 65_536;

/** Writes FLV tags to ffmpeg's standard input as fast as ffmpeg reads; others wait in order. */
export class FlvPipe {
  readonly #output: Writable;
  readonly #framing: TagFraming;
  readonly #options: FlvPipeOptions;
  #waiting: FlvTag[] = [];
  /** Index of the first waiting tag; shifting a long array per tag is slow. */
  #head = 0;
  #bytes = 0;
  #newest = 0;
  #full = false;
  #ending = false;
  #priming = 0;
  #closed = false;
  #given = 0;

  constructor(output: Writable, framing: TagFraming, options: FlvPipeOptions) {
    this.#output = output;
    this.#framing = framing;
    this.#options = options;
    output.on('drain', () => this.#pump());
    output.write(framing.header());
  }

  /** Timestamp of the newest tag, without the offset, ms. */
  get newest(): number {
    return this.#newest;
  }

  /** Waiting bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Excludes the next `count` tags, with which an encoder joins, from the backlog's duration. */
  prime(count: number): void {
    this.#priming = count;
  }

  write(tag: FlvTag): void {
    if (this.#closed || this.#ending) return;
    this.#newest = Math.max(this.#newest, tag.timestamp);
    this.#waiting.push(tag);
    this.#bytes += tag.body.length;
    this.#pump();
  }

  /** Ends the stream after the waiting tags. */
  end(): void {
    this.#ending = true;
    this.#pump();
  }

  /** Drops waiting tags. */
  drop(): void {
    this.#waiting = [];
    this.#head = 0;
    this.#bytes = 0;
    this.#priming = 0;
    this.#setFull(false);
  }

  /** Drops waiting tags and ignores further ones. */
  close(): void {
    this.#closed = true;
    this.drop();
  }

  /** Tags given to ffmpeg. */
  get given(): number {
    return this.#given;
  }

  /** ffmpeg has unread bytes. */
  get blocked(): boolean {
    return this.#output.writableLength > 0;
  }

  #pump(): void {
    if (this.#closed) return;
    let corked = false;
    for (; this.#head < this.#waiting.length && this.#output.writableLength < AHEAD_BYTES; this.#head++) {
      const tag = this.#waiting[this.#head];
      if (!tag) break;
      if (this.#priming > 0) this.#priming--;
      if (!corked) this.#output.cork();
      corked = true;
      this.#bytes -= tag.body.length;
      this.#given++;
      for (const piece of this.#framing.frame(tag, tag.timestamp + this.#options.offset))
        this.#output.write(piece);
    }
    if (corked) this.#output.uncork();
    if (this.#head === this.#waiting.length) {
      this.#waiting = [];
      this.#head = 0;
      if (this.#ending && !this.#output.writableEnded) this.#output.end();
    } else if (this.#head > 256) {
      this.#waiting.splice(0, this.#head);
      this.#head = 0;
    }
    this.#measure();
  }

  #measure(): void {
    const { high, low } = this.#options;
    const first = this.#waiting[this.#head];
    const ms = first && this.#priming === 0 ? this.#newest - first.timestamp : 0;
    if (this.#bytes > high.bytes || ms > high.ms) this.#setFull(true);
    else if (this.#bytes < low.bytes && ms < low.ms) this.#setFull(false);
  }

  #setFull(full: boolean): void {
    if (this.#full === full) return;
    this.#full = full;
    this.#options.onFull(full);
  }
}
