import type { AudioSource, FlvTag, VideoSource } from '../media/index.js';
import { Presence } from './presence.js';

export type FeedTracks = { video: VideoSource | undefined; audio: AudioSource | undefined };

export type FeedReader = {
  /** Media of these tracks follows: the configurations, then frames from the next keyframe on. */
  begin(tracks: FeedTracks): void;
  /** Timestamps continue over reconnects of the publisher. Must not throw. */
  write(tag: FlvTag): void;
};

/**
 * H.264 and AAC of one broadcast as FLV tags, on one timeline over all its publications: a gap between two of them
 * stays as long as it was.
 */
export class MediaFeed {
  readonly #originMs: number;
  readonly #readers = new Set<FeedReader>();
  /** Active while a publisher sends, or its media is encoded. */
  readonly presence = new Presence();
  #tracks: FeedTracks | undefined;
  #headers: { video?: FlvTag; audio?: FlvTag } = {};
  #offsetMs = 0;
  /** The current timeline has a frame. */
  #isPlaced = false;
  #newestMs = 0;

  /** @param originMs Unix ms of timestamp 0 */
  constructor(originMs: number) {
    this.#originMs = originMs;
  }

  /** Whether anything is to be written; configurations are always. */
  get hasReaders(): boolean {
    return this.#readers.size > 0;
  }

  /** Starts a timeline. @param startedAt Unix ms of its timestamp 0 */
  begin(startedAt: number, tracks: FeedTracks): void {
    this.#offsetMs = startedAt - this.#originMs;
    this.#isPlaced = false;
    this.#tracks = tracks;
    this.#headers = {};
    for (const reader of this.#readers) reader.begin(tracks);
    this.presence.set(true);
  }

  write(tag: FlvTag): void {
    if (tag.kind === 'script' || !this.#tracks) return;
    if (tag.header) this.#headers[tag.kind] = tag;
    else this.#place(tag);
    if (this.#readers.size === 0) return;
    const placed = { ...tag, timestamp: tag.header ? this.#newestMs : tag.timestamp + this.#offsetMs };
    for (const reader of this.#readers) reader.write(placed);
  }

  /** Moves a timeline that would begin before the end of the last one: clocks may step. */
  #place({ timestamp }: FlvTag): void {
    if (!this.#isPlaced) this.#offsetMs = Math.max(this.#offsetMs, this.#newestMs + 1 - timestamp);
    this.#isPlaced = true;
    this.#newestMs = Math.max(this.#newestMs, timestamp + this.#offsetMs);
  }

  /** Ends the media until the next `begin`. */
  end(): void {
    if (!this.#tracks) return;
    this.#tracks = undefined;
    this.#headers = {};
    this.presence.set(false);
  }

  /** Adds a reader; it gets the current configurations first. @returns a function that removes it */
  join(reader: FeedReader): () => void {
    this.#readers.add(reader);
    if (this.#tracks) reader.begin(this.#tracks);
    for (const header of [this.#headers.video, this.#headers.audio])
      if (header) reader.write({ ...header, timestamp: this.#newestMs });
    return () => this.#readers.delete(reader);
  }
}
