import { timestampDistance } from '../../media/index.js';

export type Track = 'audio' | 'video';

/** A step forward, or a distance between audio and video, of more than this many ms is a jump. */
const JUMP_MS = 10_000;
/** A track that steps back by up to so many ms is held at its last time; by more is a jump. */
const CLAMP_MS = 250;
/**
 * FLV readers take times as signed 32-bit numbers. From one hour before that (after 24.8 days) the timeline asks to
 * be started anew at the next picture that allows it.
 */
const FULL_MS = 2 ** 31 - 3_600_000;

/**
 * Turns RTMP's 32-bit times, which wrap and begin anywhere, into milliseconds from the beginning of a timeline. Both
 * tracks are measured against the foremost of them, so that what they keep between them is kept.
 */
export class Timeline {
  /** The foremost time that was placed, as RTMP gave it and as the timeline counts it. */
  #frontRtmp: number;
  #front = 0;
  readonly #last: Record<Track, number | undefined> = { audio: undefined, video: undefined };

  /** @param base the RTMP time that becomes 0. */
  constructor(base: number) {
    this.#frontRtmp = base;
  }

  /** It is time to start a new timeline, at a keyframe if there is video. */
  get full(): boolean {
    return this.#front >= FULL_MS;
  }

  /**
   * Where a tag stands on the timeline, in ms.
   *
   * @returns `early` for what lies a little before the beginning (to be dropped), `jump` for what does not belong to
   * this timeline at all: a new one must begin.
   */
  place(track: Track, rtmpTime: number): number | 'early' | 'jump' {
    const distance = timestampDistance(this.#frontRtmp, rtmpTime);
    if (Math.abs(distance) > JUMP_MS) return 'jump';
    const place = this.#front + distance;
    const last = this.#last[track];
    if (last !== undefined && place < last) return last - place > CLAMP_MS ? 'jump' : last;
    if (place < 0) return 'early';
    this.#last[track] = place;
    if (distance > 0) {
      this.#front = place;
      this.#frontRtmp = rtmpTime;
    }
    return place;
  }
}
