import { timestampDistance } from '../../media/index.js';

export type Track = 'audio' | 'video';

/** Step forward, or distance between audio and video, above which timestamps jump, ms. */
const JUMP_MS = 10_000;
/** Step back up to which a timestamp is clamped to the track's last; more is a jump, ms. */
const CLAMP_MS = 250;
/** Step forward above which a timestamp must be confirmed by the next: a pause has such a step, an error has it once, ms. */
const UNCONFIRMED_MS = 1_000;
/** Timestamps in a row that are far from the timeline, after which it ends although they do not agree. */
const MAXIMUM_STRAYS = 3;
/** Greatest step from its neighbour at which a single stray tag is placed, ms. */
const MAXIMUM_STEP_MS = 100;
/**
 * FLV timestamps are signed 32-bit numbers. From one hour before their end (24.8 days) the timeline asks for another at
 * the next keyframe.
 */
const FULL_MS = 2 ** 31 - 3_600_000;

/** State of one track, ms. */
type TrackTimes = {
  /** Last place. */
  last: number | undefined;
  /** Last distance between two places. */
  step: number;
  /** RTMP timestamp of the last tag if it was far from the timeline. */
  stray: number | undefined;
};

/**
 * Converts RTMP timestamps, which have 32 bits, wrap and begin anywhere, to milliseconds since the beginning of the
 * timeline. Both tracks are measured against the latest timestamp, which keeps their synchronization.
 */
export class Timeline {
  /** Latest timestamp, in RTMP time and in timeline time, ms. */
  #frontRtmp: number;
  #front = 0;
  readonly #tracks: Record<Track, TrackTimes> = {
    audio: { last: undefined, step: 0, stray: undefined },
    video: { last: undefined, step: 0, stray: undefined },
  };
  /** RTMP timestamp of the latest tag of either track if it was far from the timeline. */
  #stray: number | undefined;
  #strays = 0;
  /** RTMP timestamp of the latest tag if it was ahead, and the next must confirm it. */
  #ahead: number | undefined;
  /** Track of the latest tag and the place before it, unless it was far from the timeline. */
  #placed: { times: TrackTimes; before: number | undefined } | undefined;

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
   * @returns `early` for a tag shortly before the beginning, to be dropped; `stray` for a timestamp far from the timeline,
   *   which the next tag shows to be a pause, a single error or a jump: then `placeStray` places it, or it is part of the
   *   new timeline; `jump` when a new timeline must begin
   */
  place(track: Track, rtmpTime: number): number | 'early' | 'stray' | 'jump' {
    const times = this.#tracks[track];
    const isConfirmed = this.#confirmsPause(rtmpTime);
    const distance = timestampDistance(this.#frontRtmp, rtmpTime);
    const place = this.#front + distance;
    const { last } = times;
    if (Math.abs(distance) > JUMP_MS || (last !== undefined && last - place > CLAMP_MS))
      return this.#strayed(times, rtmpTime);
    if (distance > UNCONFIRMED_MS && !isConfirmed) {
      this.#ahead = rtmpTime;
      this.#placed = undefined;
      return 'stray';
    }
    times.stray = undefined;
    this.#stray = undefined;
    this.#strays = 0;
    this.#placed = { times, before: last };
    if (last !== undefined && place < last) return last;
    if (place < 0) return 'early';
    if (last !== undefined) times.step = place - last;
    times.last = place;
    if (distance > 0) this.#moveFront(rtmpTime);
    return place;
  }

  /** Returns the place of a stray tag after the next one has been placed: its own, or behind its neighbour. */
  placeStray(track: Track, rtmpTime: number): number | 'early' {
    const times = this.#tracks[track];
    const isLatest = this.#placed?.times !== times;
    const before = isLatest ? times.last : this.#placed?.before;
    const distance = timestampDistance(this.#frontRtmp, rtmpTime);
    const own = this.#front + distance;
    const isConfirmed = distance <= UNCONFIRMED_MS && own >= (before ?? 0);
    if (!isConfirmed && before === undefined) return 'early';
    const place = isConfirmed ? own : before! + Math.min(times.step, MAXIMUM_STEP_MS);
    if (isLatest) times.last = place;
    return isLatest ? place : Math.min(place, times.last ?? place);
  }

  #moveFront(rtmpTime: number): void {
    this.#front += timestampDistance(this.#frontRtmp, rtmpTime);
    this.#frontRtmp = rtmpTime;
  }

  /** Moves the front to the tag before if it was far ahead and this one is not behind it. @returns whether it was moved */
  #confirmsPause(rtmpTime: number): boolean {
    const ahead = this.#ahead;
    if (ahead === undefined) return false;
    this.#ahead = undefined;
    const distance = timestampDistance(ahead, rtmpTime);
    const isConfirmed = distance >= -UNCONFIRMED_MS && distance <= JUMP_MS;
    if (isConfirmed) this.#moveFront(ahead);
    return isConfirmed;
  }

  #strayed(times: TrackTimes, rtmpTime: number): 'stray' | 'jump' {
    const agrees = [times.stray, this.#stray].some(
      (other) => other !== undefined && Math.abs(timestampDistance(other, rtmpTime)) <= JUMP_MS,
    );
    times.stray = rtmpTime;
    this.#stray = rtmpTime;
    this.#placed = undefined;
    return agrees || ++this.#strays >= MAXIMUM_STRAYS ? 'jump' : 'stray';
  }
}
