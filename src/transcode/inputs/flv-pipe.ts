import type { Writable } from 'node:stream';
import { type FlvTag, flvFileHeader, frameFlvTag } from '../../media/index.js';

export type FlvPipeOptions = {
  /** Added to every timestamp, ms. */
  offset: number;
  /** Waiting for ffmpeg: above the high mark the feed is full, until it falls below the low one. */
  high: FlvPipeMark;
  low: FlvPipeMark;
  /** The feed became full (true), or is no longer (false). */
  onFull(full: boolean): void;
};

export type FlvPipeMark = { bytes: number; ms: number };

export const FLV_PIPE_MARKS: Pick<FlvPipeOptions, 'high' | 'low'> = {
  high: { bytes: 8 * 1024 * 1024, ms: 3_000 },
  low: { bytes: 4 * 1024 * 1024, ms: 1_500 },
};

/** So much is handed to the pipe ahead of ffmpeg's reading, bytes: the rest stays here, where it can be counted. */
const AHEAD = 65_536;

/** Writes tags as FLV into ffmpeg's standard input, as fast as ffmpeg reads; the others wait in order. */
export class FlvPipe {
  readonly #output: Writable;
  readonly #options: FlvPipeOptions;
  #waiting: FlvTag[] = [];
  /** Index of the first waiting tag: shifting a long array for every tag would be slow. */
  #head = 0;
  #bytes = 0;
  #newest = 0;
  #full = false;
  #ending = false;
  #priming = 0;
  #closed = false;
  #given = 0;

  constructor(output: Writable, has: { audio: boolean; video: boolean }, options: FlvPipeOptions) {
    this.#output = output;
    this.#options = options;
    output.on('drain', () => this.#pump());
    output.write(flvFileHeader(has));
  }

  /** Timestamp of the newest tag that was given, without the offset, ms. */
  get newest(): number {
    return this.#newest;
  }

  /** Bytes that wait here. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The next `count` tags are what an encoder joins the stream with: that they wait does not make the feed late. */
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

  /** Nothing more will be written; ffmpeg sees the end when it has read what waits. */
  end(): void {
    this.#ending = true;
    this.#pump();
  }

  /** Drops what waits. */
  drop(): void {
    this.#waiting = [];
    this.#head = 0;
    this.#bytes = 0;
    this.#priming = 0;
    this.#setFull(false);
  }

  /** Drops what waits: ffmpeg is gone. */
  close(): void {
    this.#closed = true;
    this.drop();
  }

  /** Tags that ffmpeg was given. */
  get given(): number {
    return this.#given;
  }

  /** More than the pipe takes was given, and ffmpeg has not read it. */
  get blocked(): boolean {
    return this.#output.writableLength > 0;
  }

  #pump(): void {
    if (this.#closed) return;
    let corked = false;
    for (; this.#head < this.#waiting.length && this.#output.writableLength < AHEAD; this.#head++) {
      const tag = this.#waiting[this.#head];
      if (!tag) break;
      if (this.#priming > 0) this.#priming--;
      if (!corked) this.#output.cork();
      corked = true;
      this.#bytes -= tag.body.length;
      this.#given++;
      for (const piece of frameFlvTag(tag, tag.timestamp + this.#options.offset)) this.#output.write(piece);
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
