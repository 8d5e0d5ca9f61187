import type { Writable } from 'node:stream';
import type { FlvTag } from '../../media/index.js';
import type { Clock } from '../../platform/index.js';
import { frameRateTag } from '../inputs/flv-metadata.js';
import { FlvPipe } from '../inputs/flv-pipe.js';
import type { GopBuffer } from '../inputs/gop-buffer.js';

export type WebrtcFlvPipeOptions = {
  has: { audio: boolean; video: boolean };
  /** Added to the tags' timestamps to give media time, ms. */
  offset: number;
  frameRate: number | undefined;
  /** What it begins with goes out as RTP at once: so slowly that no socket on the way overflows. */
  paced: boolean;
  /** It was too much: what waited was dropped. @param reading ffmpeg has read something since the last time. */
  onFall(reading: boolean): void;
  clock: Clock;
};

/** More than this is late: it is better left out. */
const HIGH = { bytes: 8 * 1024 * 1024, ms: 1_000 };
const LOW = { bytes: 1024 * 1024, ms: 200 };
/** The pace of the beginning: some fifty packets at a time, of which a socket holds several hundred. */
const PACE = { bytes: 65_536, ms: 4 } as const;
/** A reader that has not read for so long hangs, ms. */
const HANGS_MS = 4_000;

/** Feeds ffmpeg with what arrives, and rather leaves something out than to be late: until the next keyframe. */
export class WebrtcFlvPipe {
  readonly #options: WebrtcFlvPipeOptions;
  readonly #feed: FlvPipe | undefined;
  readonly #over = new AbortController();
  /** What it begins with, as long as it is paced; what arrives meanwhile joins the queue. */
  #queue: FlvTag[] | undefined;
  #dropping = false;
  /** What ffmpeg had been given when something was last dropped, tags. */
  #fallenAt = 0;
  #stuck: { given: number; since: number } | undefined;

  constructor(output: Writable | undefined, options: WebrtcFlvPipeOptions) {
    this.#options = options;
    const { has, offset } = options;
    this.#feed =
      output &&
      new FlvPipe(output, has, {
        ...{ offset, high: HIGH, low: LOW },
        onFull: (full) => full && this.#fall(),
      });
  }

  /** The configurations, and what came since the last keyframe. */
  begin({ tags, newest, videoHeader, audioHeader }: GopBuffer): void {
    const first = tags[0]?.timestamp ?? newest;
    const head: FlvTag[] = this.#options.has.video
      ? [frameRateTag(this.#options.frameRate ?? 30, first)]
      : [];
    for (const header of [videoHeader, audioHeader]) if (header) head.push({ ...header, timestamp: first });
    const all = [...head, ...tags].filter((tag) => tag.kind === 'script' || this.#options.has[tag.kind]);
    this.#feed?.prime(all.length);
    if (!this.#options.paced) {
      for (const tag of all) this.#feed?.write(tag);
      return;
    }
    this.#queue = all;
    this.#step();
  }

  write(tag: FlvTag): void {
    if (tag.kind === 'script' || !this.#options.has[tag.kind]) return;
    if (this.#queue) this.#queue.push(tag);
    else if (!this.#dropping) this.#feed?.write(tag);
    else if (tag.keyframe || !this.#options.has.video) {
      this.#dropping = false;
      this.#feed?.write(tag);
    }
  }

  /** Nothing more will be written. */
  end(): void {
    this.#over.abort();
    for (const tag of this.#queue ?? []) this.#feed?.write(tag);
    this.#queue = undefined;
    this.#feed?.end();
  }

  /** ffmpeg is gone. */
  close(): void {
    this.#over.abort();
    this.#queue = undefined;
    this.#feed?.close();
  }

  /** Whether ffmpeg has not read for some seconds, though there is something. To be asked now and then. */
  get hangs(): boolean {
    const { given, blocked } = this.#feed ?? { given: 0, blocked: false };
    const now = this.#options.clock.monotonic();
    if (!blocked) this.#stuck = undefined;
    else if (this.#stuck?.given !== given) this.#stuck = { given, since: now };
    return this.#stuck !== undefined && now - this.#stuck.since > HANGS_MS;
  }

  #step(): void {
    const queue = this.#queue;
    if (!queue) return;
    let bytes = 0;
    let count = 0;
    for (const tag of queue) {
      if (bytes > 0 && bytes + tag.body.length > PACE.bytes) break;
      bytes += tag.body.length;
      count++;
      this.#feed?.write(tag);
    }
    queue.splice(0, count);
    if (queue.length === 0) this.#queue = undefined;
    else this.#options.clock.after(PACE.ms, () => this.#step(), this.#over.signal);
  }

  #fall(): void {
    this.#dropping = true;
    this.#feed?.drop();
    const given = this.#feed?.given ?? 0;
    const reading = given > this.#fallenAt;
    this.#fallenAt = given;
    this.#options.onFall(reading);
  }
}
