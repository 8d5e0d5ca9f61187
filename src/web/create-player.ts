import { HlsPlayer } from './hls-player.js';
import type { LivePlayer, PlayerOptions } from './live-player.js';
import { NativePlayer } from './native-player.js';

/** The player this browser can use; undefined when it can play no HLS at all. */
export function createPlayer(options: PlayerOptions): LivePlayer | undefined {
  if ('MediaSource' in window || 'ManagedMediaSource' in window) return new HlsPlayer(options);
  if (options.video.canPlayType('application/vnd.apple.mpegurl') !== '') return new NativePlayer(options);
  return undefined;
}
