import type { Writable } from 'node:stream';
import type { FlvTag } from '../media/index.js';
import type { FeedReader, FeedTracks } from './media-feed.js';
import type { Traffic } from './target-connection.js';

export type MediaQueueOptions = {
  output: Writable;
  /** Frames the body of a tag. @param timestamp ms since the begin of the output */
  frame(tag: FlvTag, timestamp: number): Buffer[];
  /** Called before the media of new tracks. */
  onTracks?(tracks: FeedTracks, timestamp: number): Buffer[];
  limits?: Partial<QueueLimits>;
};

/** Limits of the media that waits for a slow target: bytes, and duration in ms. */
export type QueueLimits = { bytes: number; ms: number };

const LIMITS: QueueLimits = { bytes: 8 * 2 ** 20, ms: 5_000 };
/** Maximum bytes handed to the stream ahead of the peer; the rest waits here, where it can be dropped. */
const AHEAD_BYTES = 128 * 1024;

/**
 * Writes the media of a feed to a target as fast as it reads. When too much waits, all of it is dropped and the output
 * continues with the next keyframe: a slow target never slows the broadcast.
 */
export class MediaQueue implements FeedReader, Traffic {
  readonly #options: MediaQueueOptions;
  readonly #limits: QueueLimits;
  #waiting: FlvTag[] = [];
  /** Index of the first waiting tag. */
  #head = 0;
  #waitingBytes = 0;
  #newestMs = 0;
  #startMs: number | undefined;
  #tracks: FeedTracks | undefined;
  #tracksAnnounced = false;
  /** Configurations that the target does not have. */
  #headers: { video?: FlvTag; audio?: FlvTag } = {};
  #awaitsKeyframe = true;
  #writtenBytes = 0;
  #droppedFrames = 0;
  #closed = false;

  constructor(options: MediaQueueOptions) {
    this.#options = options;
    this.#limits = { ...LIMITS, ...options.limits };
    options.output.on('drain', () => this.#pump());
  }

  get sentBytes(): number {
    return this.#writtenBytes - this.#options.output.writableLength;
  }

  get isBlocked(): boolean {
    return this.#options.output.writableLength > 0;
  }

  get droppedFrames(): number {
    return this.#droppedFrames;
  }

  begin(tracks: FeedTracks): void {
    this.#tracks = tracks;
    this.#tracksAnnounced = false;
    this.#headers = {};
    this.#awaitsKeyframe = true;
  }

  write(tag: FlvTag): void {
    if (this.#closed || tag.kind === 'script') return;
    if (tag.header) {
      this.#headers[tag.kind] = tag;
      return;
    }
    if (this.#awaitsKeyframe) {
      if (this.#tracks?.video && !tag.keyframe) return;
      this.#awaitsKeyframe = false;
    }
    this.#startMs ??= tag.timestamp;
    for (const header of [this.#headers.video, this.#headers.audio])
      if (header) this.#push({ ...header, timestamp: tag.timestamp });
    this.#headers = {};
    this.#push(tag);
    this.#pump();
    if (this.#isTooLate()) this.#drop();
  }

  close(): void {
    this.#closed = true;
    this.#clear();
  }

  #push(tag: FlvTag): void {
    this.#waiting.push(tag);
    this.#waitingBytes += tag.body.length;
    this.#newestMs = Math.max(this.#newestMs, tag.timestamp);
  }

  #isTooLate(): boolean {
    const first = this.#waiting[this.#head];
    if (!first) return false;
    const { bytes, ms } = this.#limits;
    return this.#waitingBytes > bytes || this.#newestMs - first.timestamp > ms;
  }

  #drop(): void {
    for (const tag of this.#waiting.slice(this.#head))
      if (tag.header && tag.kind !== 'script') this.#headers[tag.kind] = tag;
      else this.#droppedFrames++;
    this.#clear();
    this.#awaitsKeyframe = true;
  }

  #clear(): void {
    this.#waiting = [];
    this.#head = 0;
    this.#waitingBytes = 0;
  }

  #pump(): void {
    const { output, frame, onTracks } = this.#options;
    if (this.#closed || !output.writable) return;
    output.cork();
    for (; this.#head < this.#waiting.length && output.writableLength < AHEAD_BYTES; this.#head++) {
      const tag = this.#waiting[this.#head]!;
      const timestamp = Math.max(0, tag.timestamp - (this.#startMs ?? tag.timestamp));
      if (!this.#tracksAnnounced && this.#tracks && onTracks) this.#send(onTracks(this.#tracks, timestamp));
      this.#tracksAnnounced = true;
      this.#waitingBytes -= tag.body.length;
      this.#send(frame(tag, timestamp));
    }
    output.uncork();
    if (this.#head === this.#waiting.length) this.#clear();
    else if (this.#head > 256) {
      this.#waiting.splice(0, this.#head);
      this.#head = 0;
    }
  }

  #send(pieces: Buffer[]): void {
    for (const piece of pieces) {
      this.#options.output.write(piece);
      this.#writtenBytes += piece.length;
    }
  }
}
