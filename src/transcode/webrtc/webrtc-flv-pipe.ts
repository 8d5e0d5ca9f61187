import type { Writable } from 'node:stream';
import type { FlvTag } from '../../media/index.js';
import type { Clock } from '../../platform/index.js';
import { frameRateTag } from '../inputs/flv-metadata.js';
import { FlvPipe } from '../inputs/flv-pipe.js';
import type { GopBuffer } from '../inputs/gop-buffer.js';

export type WebrtcFlvPipeOptions = {
  has: { audio: boolean; video: boolean };
  /** Added to tag timestamps to give media time, ms. */
  offset: number;
  frameRate: number | undefined;
  /** Limits the rate of the first tags, which leave as RTP at once, so that socket buffers do not overflow. */
  paced: boolean;
  /** Called when the backlog was dropped. @param reading ffmpeg has read since the last time */
  onDrop(reading: boolean): void;
  clock: Clock;
};

/** Backlog that is dropped. */
const HIGH = { bytes: 8 * 1024 * 1024, ms: 1_000 };
const LOW = { bytes: 1024 * 1024, ms: 200 };
/** Rate of the first tags, 8 MB/s: about 28 packets at a time. The socket buffer that Linux grants holds about 180. */
const PACE = { bytes: 32_768, ms: 4 } as const;
/** Time without reading after which ffmpeg hangs, ms. */
const HANGS_MS = 4_000;

/** Writes tags to ffmpeg in real time: above its backlog limit it drops tags until the next keyframe. */
export class WebrtcFlvPipe {
  readonly #options: WebrtcFlvPipeOptions;
  readonly #pipe: FlvPipe | undefined;
  readonly #over = new AbortController();
  /** Tags written at a limited rate; later ones are appended. */
  #queue: FlvTag[] | undefined;
  #dropping = false;
  /** Tags given to ffmpeg at the last drop. */
  #givenAtDrop = 0;
  #stuck: { given: number; since: number } | undefined;

  constructor(output: Writable | undefined, options: WebrtcFlvPipeOptions) {
    this.#options = options;
    const { has, offset } = options;
    this.#pipe =
      output &&
      new FlvPipe(output, has, {
        ...{ offset, high: HIGH, low: LOW },
        onFull: (full) => full && this.#dropBacklog(),
      });
  }

  /** Writes the configurations and the tags since the last keyframe. */
  begin({ tags, newest, videoHeader, audioHeader }: GopBuffer): void {
    const first = tags[0]?.timestamp ?? newest;
    const head: FlvTag[] = this.#options.has.video
      ? [frameRateTag(this.#options.frameRate ?? 30, first)]
      : [];
    for (const header of [videoHeader, audioHeader]) if (header) head.push({ ...header, timestamp: first });
    const all = [...head, ...tags].filter((tag) => tag.kind === 'script' || this.#options.has[tag.kind]);
    this.#pipe?.prime(all.length);
    if (!this.#options.paced) {
      for (const tag of all) this.#pipe?.write(tag);
      return;
    }
    this.#queue = all;
    this.#step();
  }

  write(tag: FlvTag): void {
    if (tag.kind === 'script' || !this.#options.has[tag.kind]) return;
    if (this.#queue) this.#queue.push(tag);
    else if (!this.#dropping) this.#pipe?.write(tag);
    else if (tag.keyframe || !this.#options.has.video) {
      this.#dropping = false;
      this.#pipe?.write(tag);
    }
  }

  /** Ends the stream after the queued tags. */
  end(): void {
    this.#over.abort();
    for (const tag of this.#queue ?? []) this.#pipe?.write(tag);
    this.#queue = undefined;
    this.#pipe?.end();
  }

  /** Releases the pipe of an ended ffmpeg. */
  close(): void {
    this.#over.abort();
    this.#queue = undefined;
    this.#pipe?.close();
  }

  /** Whether ffmpeg does not read waiting bytes. Must be polled. */
  get isHanging(): boolean {
    const { given, blocked } = this.#pipe ?? { given: 0, blocked: false };
    const now = this.#options.clock.monotonic();
    if (!blocked) this.#stuck = undefined;
    else if (this.#stuck?.given !== given) this.#stuck = { given, since: now };
    return this.#stuck !== undefined && now - this.#stuck.since > HANGS_MS;
  }

  /**
   * Writes the next tags when ffmpeg has read the last ones, as what collects while it starts leaves at once. A tag above
   * the rate delays the next ones.
   */
  #step(): void {
    const queue = this.#queue;
    if (!queue) return;
    let bytes = 0;
    let count = 0;
    if (!this.#pipe?.blocked)
      for (const tag of queue) {
        if (bytes > 0 && bytes + tag.body.length > PACE.bytes) break;
        bytes += tag.body.length;
        count++;
        this.#pipe?.write(tag);
      }
    queue.splice(0, count);
    const waitMs = PACE.ms * Math.max(1, bytes / PACE.bytes);
    if (queue.length === 0) this.#queue = undefined;
    else this.#options.clock.after(waitMs, () => this.#step(), this.#over.signal);
  }

  #dropBacklog(): void {
    this.#dropping = true;
    this.#pipe?.drop();
    const given = this.#pipe?.given ?? 0;
    const reading = given > this.#givenAtDrop;
    this.#givenAtDrop = given;
    this.#options.onDrop(reading);
  }
}
