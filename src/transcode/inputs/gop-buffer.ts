import type { FlvTag } from '../../media/index.js';

type Limits = {
  /** Maximum media time, ms. */
  span: number;
  /** Maximum bytes. */
  bytes: number;
};

const LIMITS: Limits = { span: 15_000, bytes: 24 * 1024 * 1024 };
/** Audio kept without video, ms: it can be joined anywhere. */
const AUDIO_SPAN_MS = 250;
/** Maximum wait for announced video, ms of media. */
const VIDEO_LATE_MS = 2_000;

/** Age of the buffered keyframe after which a recovery point takes its place, ms: such sources are encoded. */
const OLD_MS = 5_000;
/** Time without a keyframe, pauses left out, from which on the buffered one may be lost before the next one, ms. */
const SCARCE_MS = 12_000;
/** Distance of pictures that counts at most as time without a keyframe, ms: a longer one is a pause. */
const MAXIMUM_STEP_MS = 2_000;

/** Maximum bytes of the group of pictures before the current one. */
const PREVIOUS_BYTES = 8 * 1024 * 1024;

/** Media with which an encoder joins. */
export type JoinedTags = Pick<GopBuffer, 'tags' | 'newest' | 'videoHeader' | 'audioHeader'>;

/**
 * Decoder configurations and tags since the last keyframe, with which an encoder joins; of a source whose keyframes are
 * far apart, since a recovery point. Bounded: a larger group of
 * pictures is dropped until the next keyframe.
 */
export class GopBuffer {
  readonly #limits: Limits;
  #headers: { video?: FlvTag; audio?: FlvTag } = {};
  #seen = { video: false, audio: false };
  #tags: FlvTag[] = [];
  /** Group of pictures before the current one, of the same configuration. */
  #previous: FlvTag[] = [];
  #bytes = 0;
  #newest = 0;
  #oldest: number | undefined;
  #hasVideo = true;
  #isScarce = false;
  /** Pictures of this timeline with which an encoder can join, and the time with pictures since the last of them, ms. */
  #accessPoints = 0;
  #sinceAccessMs = 0;
  #pictureMs: number | undefined;

  constructor(limits: Limits = LIMITS) {
    this.#limits = limits;
  }

  /** Returns an independent copy. */
  copy(): GopBuffer {
    const copy = new GopBuffer(this.#limits);
    copy.#headers = { ...this.#headers };
    copy.#seen = { ...this.#seen };
    copy.#tags = [...this.#tags];
    copy.#bytes = this.#bytes;
    copy.#newest = this.#newest;
    copy.#oldest = this.#oldest;
    copy.#hasVideo = this.#hasVideo;
    copy.#isScarce = this.#isScarce;
    copy.#accessPoints = this.#accessPoints;
    copy.#sinceAccessMs = this.#sinceAccessMs;
    copy.#pictureMs = this.#pictureMs;
    return copy;
  }

  /** Starts a new timeline. @param hasVideo as announced */
  reset(hasVideo: boolean): void {
    this.#headers = {};
    this.#seen = { video: false, audio: false };
    this.#clear();
    this.#newest = 0;
    this.#oldest = undefined;
    this.#hasVideo = hasVideo;
    this.#isScarce = false;
    this.#accessPoints = 0;
    this.#sinceAccessMs = 0;
    this.#pictureMs = undefined;
  }

  /** Drops the media: an encoder joins with the next keyframe. */
  forgetMedia(): void {
    this.#clear();
  }

  push(tag: FlvTag): void {
    if (tag.kind === 'script') return;
    this.#seen[tag.kind] = true;
    if (tag.header) {
      if (!this.knows(tag)) this.#previous = [];
      this.#headers[tag.kind] = tag;
      return;
    }
    this.#newest = Math.max(this.#newest, tag.timestamp);
    this.#oldest ??= tag.timestamp;
    this.#correctVideo();
    if (tag.kind === 'video') this.#notePicture(tag);
    if (this.#hasVideo) {
      if (tag.keyframe || (tag.recoveryPoint && this.#isOld)) this.#nextGroup();
      else if (this.#tags.length === 0) return;
    }
    this.#tags.push(tag);
    this.#bytes += tag.body.length;
    const first = this.#tags[0];
    if (!first) return;
    if (!this.#hasVideo) this.#dropOldAudio();
    else if (this.#bytes > this.#limits.bytes) {
      this.#isScarce = true;
      this.#clear();
    } else if (this.#newest - first.timestamp > this.#limits.span) this.#clear();
  }

  /** Keyframes have been so far apart that an encoder could not join at any time. */
  get isScarce(): boolean {
    return this.#isScarce;
  }

  /**
   * Whether an encoder can be expected to join again after it has ended: sources with intra refresh may send one
   * keyframe, and never another.
   */
  get isJoinableAgain(): boolean {
    return this.#accessPoints > 1 && !this.#isScarce;
  }

  /** The last keyframe is too old to be buffered: an encoder cannot join until there is another. */
  get isLost(): boolean {
    return this.#isScarce && this.age === undefined;
  }

  /** No tags on this timeline. */
  get isEmpty(): boolean {
    return !this.#seen.video && !this.#seen.audio;
  }

  /** Whether the decoder configuration is unchanged. */
  knows(header: FlvTag): boolean {
    if (header.kind === 'script') return false;
    return this.#headers[header.kind]?.body.equals(header.body) ?? false;
  }

  /** Tags since the keyframe (audio only: the last 250 ms); empty when nothing can be decoded yet. */
  get tags(): readonly FlvTag[] {
    return this.#tags;
  }

  /** Returns the buffered media and the group of pictures before them, if that is known. */
  withPrevious(): JoinedTags {
    const { newest, videoHeader, audioHeader } = this;
    return { tags: [...this.#previous, ...this.#tags], newest, videoHeader, audioHeader };
  }

  get videoHeader(): FlvTag | undefined {
    return this.#headers.video;
  }

  get audioHeader(): FlvTag | undefined {
    return this.#headers.audio;
  }

  /** Kinds seen on this timeline. */
  get seen(): Readonly<{ video: boolean; audio: boolean }> {
    return this.#seen;
  }

  /** Timestamp of the newest tag, ms. */
  get newest(): number {
    return this.#newest;
  }

  /** Media time since the buffered keyframe, ms; undefined without one. */
  get age(): number | undefined {
    const first = this.#tags[0];
    return first && this.#newest - first.timestamp;
  }

  get #isOld(): boolean {
    return this.age === undefined || this.age > OLD_MS;
  }

  /** Corrects a wrong announcement of video. */
  #correctVideo(): void {
    const wanted = this.#seen.video || (this.#hasVideo && this.#newest - (this.#oldest ?? 0) < VIDEO_LATE_MS);
    if (wanted === this.#hasVideo) return;
    this.#hasVideo = wanted;
    this.#clear();
  }

  /** Duration of this timeline so far, ms. */
  get span(): number {
    return this.#newest - (this.#oldest ?? this.#newest);
  }

  /** Measures how far apart the pictures with which an encoder can join are. */
  #notePicture({ timestamp, keyframe, recoveryPoint }: FlvTag): void {
    const stepMs = timestamp - (this.#pictureMs ?? timestamp);
    this.#pictureMs = timestamp;
    if (keyframe || recoveryPoint !== undefined) {
      this.#accessPoints++;
      this.#sinceAccessMs = 0;
      return;
    }
    this.#sinceAccessMs += Math.min(Math.max(stepMs, 0), MAXIMUM_STEP_MS);
    if (this.#sinceAccessMs >= SCARCE_MS) this.#isScarce = true;
  }

  #dropOldAudio(): void {
    let old = 0;
    for (
      let tag = this.#tags[old];
      tag && this.#newest - tag.timestamp > AUDIO_SPAN_MS;
      tag = this.#tags[++old]
    )
      this.#bytes -= tag.body.length;
    if (old > 0) this.#tags.splice(0, old);
  }

  #nextGroup(): void {
    const previous = this.#bytes <= PREVIOUS_BYTES ? this.#tags : [];
    this.#clear();
    this.#previous = previous;
  }

  #clear(): void {
    this.#previous = [];
    // A new array: readers may still use the old one.
    this.#tags = [];
    this.#bytes = 0;
  }
}
