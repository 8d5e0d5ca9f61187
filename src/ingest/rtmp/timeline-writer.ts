import { type FlvTag, PresentationTimes, type VideoFrame, withCompositionTime } from '../../media/index.js';
import type { Publication } from '../../streams/index.js';
import { SourceMeter } from './source-meter.js';
import { Timeline } from './timeline.js';

/** `time` is the timestamp of the encoder, ms. */
export type AudioTag = { kind: 'audio'; time: number; body: Buffer };
export type VideoTag = VideoFrame & { kind: 'video' };
export type MediaTag = AudioTag | VideoTag;

/** Writes the tags of one timeline with valid times. */
export class TimelineWriter {
  readonly meter: SourceMeter;
  /** Monotonic ms. */
  readonly #now: () => number;
  readonly #publication: Publication;
  readonly #timeline: Timeline;
  readonly #presentation: PresentationTimes;
  #keyframes = 0;
  /** Tag with a timestamp far from the timeline: placed with the next tag. */
  #stray: MediaTag | undefined;

  /**
   * @param first tags with which the timeline begins
   * @param reorderMs delay that the bitstream announces
   * @param now returns monotonic ms
   */
  constructor(publication: Publication, first: readonly MediaTag[], reorderMs: number, now: () => number) {
    this.#publication = publication;
    this.#now = now;
    this.meter = new SourceMeter(publication.counters);
    publication.counters.startTimeline();
    this.#timeline = new Timeline(first[0]?.time ?? 0);
    const compositionMs = first.flatMap((tag) => (tag.kind === 'video' ? [tag.compositionTime] : []));
    this.#presentation = new PresentationTimes(compositionMs, reorderMs);
  }

  /** Timestamp of the first tag, ms. */
  get offsetMs(): number {
    return this.#presentation.offsetMs;
  }

  /** Whether a new timeline must begin, at a keyframe if there is video. */
  get full(): boolean {
    return this.#timeline.full;
  }

  /**
   * Writes a tag, or drops it.
   *
   * @param placed called with the place of each tag, ms on the timeline, before and after it is written
   * @returns the tags with which a new timeline must begin, which are not written; undefined without a jump
   */
  place(tag: MediaTag, placed: (place: number, written: boolean) => void): MediaTag[] | undefined {
    const place = this.#timeline.place(tag.kind, tag.time);
    if (place === 'jump') {
      this.#publication.counters.timestampJumps++;
      const stray = this.#stray;
      this.#stray = undefined;
      return stray ? [stray, tag] : [tag];
    }
    this.finish(placed);
    if (place === 'stray') this.#stray = tag;
    else this.#write(tag, place, placed);
    return undefined;
  }

  /** Writes the tag that waits for the next one. Must be called at the end of the timeline. */
  finish(placed: (place: number, written: boolean) => void): void {
    const stray = this.#stray;
    this.#stray = undefined;
    if (stray) this.#write(stray, this.#timeline.placeStray(stray.kind, stray.time), placed);
  }

  /** Writes metadata or a decoder configuration, with timestamp 0. */
  writeHeader(kind: FlvTag['kind'], body: Buffer): void {
    this.#publication.write({ kind, timestamp: 0, body, header: kind !== 'script', keyframe: false });
  }

  #write(tag: MediaTag, place: number | 'early', placed: (place: number, written: boolean) => void): void {
    if (place === 'early') return;
    placed(place, false);
    if (tag.kind === 'audio') this.#writeAudio(tag, place);
    else if (!this.#writeVideo(tag, place)) return;
    placed(place, true);
  }

  #writeAudio({ body }: AudioTag, place: number): void {
    this.meter.audio(place, body.length);
    this.#publication.counters.countAudio(body.length, place - this.#now());
    const timestamp = place + this.#presentation.offsetMs;
    this.#publication.write({ kind: 'audio', timestamp, body, header: false, keyframe: false });
  }

  /** @returns false for a dropped tag */
  #writeVideo(tag: VideoTag, place: number): boolean {
    const { keyframe, compositionTime, dataOffset, recoveryPoint } = tag;
    if (keyframe) this.#keyframes++;
    // Refers to pictures before the beginning of the timeline.
    if (tag.skippable && this.#keyframes === 1) return false;
    const times = this.#presentation.place(place, compositionTime);
    if (!times) return false;
    const isChanged = times.compositionTime !== compositionTime;
    const body = isChanged ? withCompositionTime(tag.body, dataOffset, times.compositionTime) : tag.body;
    this.meter.video(place, body.length, keyframe, times.sourceCompositionTime);
    this.#publication.counters.countPicture(body.length, keyframe, place - this.#now());
    const written: FlvTag = { kind: 'video', timestamp: times.decodeTime, body, header: false, keyframe };
    if (recoveryPoint) written.recoveryPoint = recoveryPoint;
    this.#publication.write(written);
    return true;
  }
}
