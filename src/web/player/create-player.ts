import { DeliveringPlayer } from './delivering-player.js';
import type { DeliveryChoice } from './delivery.js';
import { HlsPlayer } from './hls-player.js';
import type { LivePlayer, PlayerOptions } from './live-player.js';
import { NativePlayer } from './native-player.js';

export type CreateOptions = PlayerOptions & {
  /** The stream's WHEP endpoint, where the server offers one. */
  whepUrl?: string;
  choice: DeliveryChoice;
  expectsMedia: () => boolean;
};

/** The player this browser can use; undefined when it can play no HLS at all. */
export function createPlayer(options: CreateOptions): LivePlayer | undefined {
  const { whepUrl } = options;
  const createHls = hlsPlayer(options.video);
  if (createHls && whepUrl !== undefined) return new DeliveringPlayer({ ...options, whepUrl, createHls });
  return createHls?.(options);
}

function hlsPlayer(video: HTMLVideoElement): ((options: PlayerOptions) => LivePlayer) | undefined {
  if ('MediaSource' in window || 'ManagedMediaSource' in window) return (options) => new HlsPlayer(options);
  if (video.canPlayType('application/vnd.apple.mpegurl') !== '')
    return (options) => new NativePlayer(options);
  return undefined;
}
