import { Pace, type RecoveryPoint } from '../../media/index.js';
import type { Cancel, Clock } from '../../platform/index.js';
import type { Publication } from '../../streams/index.js';

/** Maximum time in which media arrive and none can be played: for a keyframe or the decoder configuration, ms. */
const PLAYABLE_TIMEOUT_MS = 25_000;
/** Time without messages that does not count as waiting, ms. */
const PAUSE_MS = 5_000;
/** Maximum wait for the configuration of audio that arrives, ms. */
const AUDIO_TIMEOUT_MS = 5_000;
/** Maximum time for which a source is paused without measuring again, ms. */
const MAXIMUM_PAUSE_MS = 10_000;
/** Time after which a source that was paused is punctual again, ms. */
const PUNCTUAL_MS = 30_000;

const NO_KEYFRAME = 'No keyframe came for 25 seconds: set a keyframe interval of 2 seconds.';
const NO_CONFIGURATION =
  'The video comes without its decoder configuration (SPS and PPS): stop the stream and start it again, or choose another video encoder in your streaming software.';
const UNREADABLE = 'The video data cannot be read: choose another video encoder in your streaming software.';
const NOTHING_PLAYABLE =
  'Neither video nor audio that can be played has come for 25 seconds: choose H.264 and AAC in your streaming software.';
const GRADUAL_REFRESH =
  'This stream renews its picture bit by bit and has begun without a keyframe, so it cannot be shown: switch off intra refresh (periodic intra refresh) and set a keyframe interval of 2 seconds.';
const KEYFRAMES_RARE =
  'No keyframe (IDR) came for 25 seconds: viewers who join may wait for it, and after an interruption the picture returns only with it. Set a keyframe interval of 2 s, and switch off open GOP and intra refresh.';
const AUDIO_UNCONFIGURED =
  'The audio cannot be decoded: the encoder has not sent its AAC configuration, so there is no sound. Stop the stream and start it again, or choose another AAC encoder in your streaming software.';
const TRACKS_LEFT_OUT =
  'The stream has several video or audio tracks: the first of each is played, the others are left out. Switch off multitrack video, and all but one audio track, in your streaming software.';
const TOO_FAST =
  'The encoder sends faster than real time and is slowed down: send live media, or use -re with ffmpeg.';

/** Topics of the notices. */
const TOPIC = {
  keyframes: 'source-keyframes',
  audio: 'source-audio',
  pace: 'source-pace',
  tracks: 'source-tracks',
} as const;

export type PlayabilityWatchOptions = {
  publication: Publication;
  clock: Clock;
  refuse(message: string): void;
};

/** Video of a source: its decoder configuration is unknown, or known. */
export type VideoState = 'none' | 'unconfigured' | 'configured';

/** Watches for media that arrive and cannot be played, and says so: by a refusal where nothing can be shown, else by a notice. */
export class PlayabilityWatch {
  readonly #options: PlayabilityWatchOptions;
  /** Monotonic ms since which a playable picture is waited for, and those of the last keyframe and of any picture. */
  #pictureAt: number;
  #keyframeAt: number;
  #anyPictureAt = Number.NEGATIVE_INFINITY;
  /** Monotonic ms of the last message, of the last one of video, and of the last tag on a timeline. */
  #messageAt: number;
  #videoAt: number;
  #playedAt: number;
  #gradual = false;
  #keyframesRare = false;
  #unconfiguredAt: number | undefined;
  #audioReported = false;
  #tracksNotice: string | undefined;
  #pace: Pace | undefined;
  #pausedAt: number | undefined;
  #resume: (() => void) | undefined;
  #cancelPause: Cancel | undefined;

  constructor(options: PlayabilityWatchOptions) {
    this.#options = options;
    this.#pictureAt = options.clock.monotonic();
    this.#keyframeAt = this.#pictureAt;
    this.#messageAt = this.#pictureAt;
    this.#videoAt = this.#pictureAt;
    this.#playedAt = this.#pictureAt;
  }

  /** Starts to wait for the first picture of a timeline. */
  gathering(): void {
    this.#pictureAt = this.#options.clock.monotonic();
  }

  /** Starts to measure a timeline whose timestamp 0 is now. */
  timelineStarted(): void {
    this.#pace = new Pace(this.#options.clock.monotonic());
  }

  /** Records a picture, whether or not it can be passed on. @param playable it is part of a timeline */
  picture(playable: boolean, keyframe: boolean, recoveryPoint: RecoveryPoint | undefined): void {
    const now = this.#options.clock.monotonic();
    this.#anyPictureAt = now;
    if (playable) this.#pictureAt = now;
    if (recoveryPoint === 'gradual') this.#gradual = true;
    if (!keyframe) return;
    this.#keyframeAt = now;
    this.#gradual = false;
    if (!this.#keyframesRare) return;
    this.#keyframesRare = false;
    this.#options.publication.notice(TOPIC.keyframes, undefined);
  }

  /** Checks the deadlines. Called after every message of audio or video, of whatever contents. */
  arrived(kind: 'audio' | 'video', video: VideoState): void {
    const now = this.#options.clock.monotonic();
    this.#skipPauses(kind, now);
    const since = kind === 'video' && video !== 'none' ? this.#pictureAt : this.#playedAt;
    if (now - since > PLAYABLE_TIMEOUT_MS) this.#options.refuse(this.#fault(video, now));
    else if (video === 'configured' && kind === 'video' && now - this.#keyframeAt > PLAYABLE_TIMEOUT_MS)
      this.#keyframesMissing();
  }

  /** Records tracks that are not played beside one that is. */
  tracksLeftOut(): void {
    this.trackUnreadable(TRACKS_LEFT_OUT);
  }

  /** Tells why a track is not played. */
  trackUnreadable(message: string): void {
    if (this.#tracksNotice === message) return;
    this.#tracksNotice = message;
    this.#options.publication.notice(TOPIC.tracks, message);
  }

  /** Records AAC. @param configured it can be decoded */
  audioArrived(configured: boolean): void {
    if (configured) {
      this.#unconfiguredAt = undefined;
      if (this.#audioReported) this.#options.publication.notice(TOPIC.audio, undefined);
      this.#audioReported = false;
      return;
    }
    const now = this.#options.clock.monotonic();
    this.#unconfiguredAt ??= now;
    if (this.#audioReported || now - this.#unconfiguredAt < AUDIO_TIMEOUT_MS) return;
    this.#audioReported = true;
    this.#options.publication.notice(TOPIC.audio, AUDIO_UNCONFIGURED);
  }

  /** Pauses a source that is ahead of real time. @param place ms on the timeline */
  placed(place: number): void {
    const { clock, publication } = this.#options;
    const now = clock.monotonic();
    this.#playedAt = now;
    const aheadMs = this.#pace?.advance(place, now) ?? 0;
    if (aheadMs === 0) {
      if (this.#pausedAt === undefined || this.#resume || now - this.#pausedAt < PUNCTUAL_MS) return;
      this.#pausedAt = undefined;
      publication.notice(TOPIC.pace, undefined);
      return;
    }
    if (this.#resume) return;
    if (this.#pausedAt === undefined) publication.notice(TOPIC.pace, TOO_FAST);
    this.#pausedAt = now;
    this.#resume = publication.pause();
    this.#cancelPause = clock.after(Math.min(aheadMs, MAXIMUM_PAUSE_MS), () => this.#endPause());
  }

  /** Stops timers. */
  close(): void {
    this.#endPause();
  }

  /** Leaves pauses of the stream, and of its video, out of the waiting times. */
  #skipPauses(kind: 'audio' | 'video', now: number): void {
    const after = (at: number, pauseMs: number): number => Math.min(now, at + pauseMs);
    const pauseMs = now - this.#messageAt;
    this.#messageAt = now;
    if (pauseMs > PAUSE_MS) this.#playedAt = after(this.#playedAt, pauseMs);
    if (kind === 'audio') return;
    const videoPauseMs = now - this.#videoAt;
    this.#videoAt = now;
    if (videoPauseMs <= PAUSE_MS) return;
    this.#pictureAt = after(this.#pictureAt, videoPauseMs);
    this.#keyframeAt = after(this.#keyframeAt, videoPauseMs);
  }

  #fault(video: VideoState, now: number): string {
    if (video === 'none') return this.#unconfiguredAt === undefined ? NOTHING_PLAYABLE : AUDIO_UNCONFIGURED;
    if (now - this.#anyPictureAt > PLAYABLE_TIMEOUT_MS) return UNREADABLE;
    if (this.#gradual) return GRADUAL_REFRESH;
    return video === 'configured' ? NO_KEYFRAME : NO_CONFIGURATION;
  }

  #keyframesMissing(): void {
    if (this.#keyframesRare) return;
    this.#keyframesRare = true;
    this.#options.publication.notice(TOPIC.keyframes, KEYFRAMES_RARE);
  }

  #endPause(): void {
    this.#cancelPause?.();
    this.#cancelPause = undefined;
    this.#resume?.();
    this.#resume = undefined;
  }
}
