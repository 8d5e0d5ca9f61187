import type { HlsConfig } from 'hls.js';

/**
 * hls.js settings: low latency, with retries that outlast a restart of the server. `hls-player.ts` recovers from what
 * hls.js reports as fatal.
 */
export const PLAYER_SETTINGS = {
  lowLatencyMode: true,
  enableWorker: true,
  // Without a rate above 1 the delay that a stall adds is never made up.
  maxLiveSyncPlaybackRate: 1.5,
  // Loads no rendition larger than the element; the quality menu overrides it.
  capLevelToPlayerSize: true,
  // Bits per second: starts in the middle of the ladder.
  abrEwmaDefaultEstimate: 2_000_000,
  backBufferLength: 30,
  manifestLoadPolicy: {
    default: {
      maxTimeToFirstByteMs: 8_000,
      maxLoadTimeMs: 15_000,
      timeoutRetry: { maxNumRetry: 1, retryDelayMs: 0, maxRetryDelayMs: 0 },
      errorRetry: { maxNumRetry: 2, retryDelayMs: 400, maxRetryDelayMs: 2_000, backoff: 'exponential' },
    },
  },
  playlistLoadPolicy: {
    default: {
      // The server holds a blocking playlist reload until the next part exists: seconds while the publisher
      // reconnects.
      maxTimeToFirstByteMs: 12_000,
      maxLoadTimeMs: 20_000,
      timeoutRetry: { maxNumRetry: 4, retryDelayMs: 0, maxRetryDelayMs: 0 },
      errorRetry: { maxNumRetry: 6, retryDelayMs: 250, maxRetryDelayMs: 2_000, backoff: 'exponential' },
    },
  },
  fragLoadPolicy: {
    default: {
      maxTimeToFirstByteMs: 8_000,
      maxLoadTimeMs: 30_000,
      timeoutRetry: { maxNumRetry: 3, retryDelayMs: 0, maxRetryDelayMs: 0 },
      errorRetry: { maxNumRetry: 4, retryDelayMs: 250, maxRetryDelayMs: 2_000, backoff: 'exponential' },
    },
  },
} satisfies Partial<HlsConfig>;

/** Settings for rewind windows: the playback rate stays, wherever the viewer is. */
export const REWIND_SETTINGS = {
  ...PLAYER_SETTINGS,
  lowLatencyMode: false,
  maxLiveSyncPlaybackRate: 1,
} satisfies Partial<HlsConfig>;

/**
 * Settings for recordings. Holes at discontinuities must count: hls.js 1.7.4 joins buffered ranges over smaller holes than
 * `maxBufferHole`, and does not end the stream while an earlier range is buffered.
 */
export const RECORDING_SETTINGS = {
  ...PLAYER_SETTINGS,
  lowLatencyMode: false,
  maxBufferHole: 0.02,
} satisfies Partial<HlsConfig>;
