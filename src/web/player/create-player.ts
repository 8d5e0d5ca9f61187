import { DeliveringPlayer } from './delivering-player.js';
import type { DeliveryChoice } from './delivery.js';
import { HlsPlayer } from './hls-player.js';
import type { LivePlayer, PlayerOptions } from './live-player.js';
import { NativePlayer } from './native-player.js';

export type CreatePlayerOptions = PlayerOptions & {
  /** WHEP endpoint of the stream, where the server offers WebRTC. */
  whepUrl?: string;
  choice: DeliveryChoice;
  expectsMedia: () => boolean;
};

/** Returns the player that this browser supports; undefined when it supports neither MSE nor native HLS. */
export function createPlayer(options: CreatePlayerOptions): LivePlayer | undefined {
  const { whepUrl } = options;
  const createHls = hlsPlayerFactory(options.video);
  if (createHls && whepUrl !== undefined) return new DeliveringPlayer({ ...options, whepUrl, createHls });
  return createHls?.(options);
}

function hlsPlayerFactory(video: HTMLVideoElement): ((options: PlayerOptions) => LivePlayer) | undefined {
  if ('MediaSource' in window || 'ManagedMediaSource' in window) return (options) => new HlsPlayer(options);
  if (video.canPlayType('application/vnd.apple.mpegurl') !== '')
    return (options) => new NativePlayer(options);
  return undefined;
}
