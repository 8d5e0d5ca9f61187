import { timestampDistance } from '../../media/index.js';

export type Track = 'audio' | 'video';

/** Step forward, or distance between audio and video, above which timestamps jump, ms. */
const JUMP_MS = 10_000;
/** Step back up to which a timestamp is clamped to the track's last; more is a jump, ms. */
const CLAMP_MS = 250;
/**
 * FLV timestamps are signed 32-bit numbers. From one hour before their end (24.8 days) the timeline asks for another at
 * the next keyframe.
 */
const FULL_MS = 2 ** 31 - 3_600_000;

/**
 * Converts RTMP timestamps, which have 32 bits, wrap and begin anywhere, to milliseconds since the beginning of the
 * timeline. Both tracks are measured against the latest timestamp, which keeps their synchronization.
 */
export class Timeline {
  /** Latest timestamp, in RTMP time and in timeline time, ms. */
  #frontRtmp: number;
  #front = 0;
  readonly #last: Record<Track, number | undefined> = { audio: undefined, video: undefined };

  /** @param base RTMP timestamp that becomes 0, ms */
  constructor(base: number) {
    this.#frontRtmp = base;
  }

  /** Whether a new timeline must begin, at a keyframe if there is video. */
  get full(): boolean {
    return this.#front >= FULL_MS;
  }

  /**
   * Converts the timestamp of a tag to timeline time, ms.
   *
   * @returns `early` for a tag shortly before the beginning, to be dropped; `jump` when a new timeline must begin
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
