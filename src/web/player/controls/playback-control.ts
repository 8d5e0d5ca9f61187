import type { DeliveryChoice } from '../delivery.js';
import type { PlayerStats, PlayerView } from '../live-player.js';
import type { Preview } from '../previews.js';
import type { RewindRange } from '../rewind-position.js';

/** A player as the controls show and operate it. */
export type PlaybackControl = {
  view: PlayerView;
  stats(): PlayerStats | undefined;
  play(): void;
  chooseQuality(id: string): void;
  /** Missing where only HLS is possible. */
  chooseDelivery?(choice: DeliveryChoice): void;
  /** Missing for what is not live. */
  goLive?(): void;
  /** Returns the window in which the viewer can seek; undefined while there is none. */
  range(): RewindRange | undefined;
  /** Returns the picture of a moment, if it is known. @param behindS distance from the end of the window, s */
  previewAt?(behindS: number): Preview | undefined;
  /** @param behindS distance from the end of the window, s */
  seekTo(behindS: number): void;
};

/** Returns the whole of what the video element plays as the window in which viewers seek; undefined while unknown. */
export function recordedRange({ duration, currentTime }: HTMLVideoElement): RewindRange | undefined {
  if (!Number.isFinite(duration)) return undefined;
  return { lengthS: duration, behindS: duration - currentTime, isRewinding: false, isRecording: true };
}
