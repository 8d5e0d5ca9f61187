import type { FlvTag } from '../../media/index.js';

type Limits = {
  /** Media time kept at most, ms. */
  span: number;
  /** Bytes kept at most. */
  bytes: number;
};

const LIMITS: Limits = { span: 15_000, bytes: 24 * 1024 * 1024 };
/** Sound alone can be joined anywhere: so much of it is kept, in ms. */
const AUDIO_SPAN = 250;
/** A picture that was announced and does not come is waited for so long, ms of media. */
const PICTURE_LATE = 2_000;

/**
 * What an encoder needs to join the stream now: the decoder configurations and everything since the last keyframe.
 * Bounded: when a group of pictures outgrows it, it waits for the next keyframe.
 */
export class GopBuffer {
  readonly #limits: Limits;
  #headers: { video?: FlvTag; audio?: FlvTag } = {};
  #seen = { video: false, audio: false };
  #tags: FlvTag[] = [];
  #bytes = 0;
  #newest = 0;
  #oldest: number | undefined;
  #withPicture = true;

  constructor(limits: Limits = LIMITS) {
    this.#limits = limits;
  }

  /** A second buffer that goes on from here. */
  copy(): GopBuffer {
    const copy = new GopBuffer(this.#limits);
    copy.#headers = { ...this.#headers };
    copy.#seen = { ...this.#seen };
    copy.#tags = [...this.#tags];
    copy.#bytes = this.#bytes;
    copy.#newest = this.#newest;
    copy.#oldest = this.#oldest;
    copy.#withPicture = this.#withPicture;
    return copy;
  }

  /** Forgets everything: a new timeline begins. @param withPicture it has (or should have) video. */
  reset(withPicture: boolean): void {
    this.#headers = {};
    this.#seen = { video: false, audio: false };
    this.#clear();
    this.#newest = 0;
    this.#oldest = undefined;
    this.#withPicture = withPicture;
  }

  push(tag: FlvTag): void {
    if (tag.kind === 'script') return;
    this.#seen[tag.kind] = true;
    if (tag.header) {
      this.#headers[tag.kind] = tag;
      return;
    }
    this.#newest = Math.max(this.#newest, tag.timestamp);
    this.#oldest ??= tag.timestamp;
    this.#noticePicture();
    if (this.#withPicture) {
      if (tag.keyframe) this.#clear();
      else if (this.#tags.length === 0) return;
    }
    this.#tags.push(tag);
    this.#bytes += tag.body.length;
    const first = this.#tags[0];
    if (!first) return;
    if (!this.#withPicture) this.#dropOldSound();
    else if (this.#newest - first.timestamp > this.#limits.span || this.#bytes > this.#limits.bytes)
      this.#clear();
  }

  /** Nothing has arrived on this timeline. */
  get isEmpty(): boolean {
    return !this.#seen.video && !this.#seen.audio;
  }

  /** Whether this is the configuration that is known already. */
  knows(header: FlvTag): boolean {
    if (header.kind === 'script') return false;
    return this.#headers[header.kind]?.body.equals(header.body) ?? false;
  }

  /** From the keyframe on (for sound alone: the last moment of it). Empty: nothing can be decoded yet. */
  get tags(): readonly FlvTag[] {
    return this.#tags;
  }

  get videoHeader(): FlvTag | undefined {
    return this.#headers.video;
  }

  get audioHeader(): FlvTag | undefined {
    return this.#headers.audio;
  }

  /** Which kinds have arrived on this timeline. */
  get seen(): Readonly<{ video: boolean; audio: boolean }> {
    return this.#seen;
  }

  /** Timestamp of the newest tag, ms. */
  get newest(): number {
    return this.#newest;
  }

  /** How long ago in media time the kept keyframe came, ms; undefined without one. */
  get age(): number | undefined {
    const first = this.#tags[0];
    return first && this.#newest - first.timestamp;
  }

  /** The announcement was wrong when there is a picture after all, or none for a long time. */
  #noticePicture(): void {
    const wanted =
      this.#seen.video || (this.#withPicture && this.#newest - (this.#oldest ?? 0) < PICTURE_LATE);
    if (wanted === this.#withPicture) return;
    this.#withPicture = wanted;
    this.#clear();
  }

  /** How much of this timeline has come, ms. */
  get span(): number {
    return this.#newest - (this.#oldest ?? this.#newest);
  }

  #dropOldSound(): void {
    let old = 0;
    for (let tag = this.#tags[old]; tag && this.#newest - tag.timestamp > AUDIO_SPAN; tag = this.#tags[++old])
      this.#bytes -= tag.body.length;
    if (old > 0) this.#tags.splice(0, old);
  }

  #clear(): void {
    // A new array: whoever took the old one may still read it.
    this.#tags = [];
    this.#bytes = 0;
  }
}
