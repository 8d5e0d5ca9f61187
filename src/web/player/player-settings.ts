import type { HlsConfig } from 'hls.js';

/**
 * How the pages play: low latency first, and patient with a server that restarts. Nothing here is fatal sooner
 * than necessary: what hls.js gives up, the player in `hls-player.ts` takes up again.
 */
export const PLAYER_SETTINGS = {
  lowLatencyMode: true,
  enableWorker: true,
  // Without a rate above 1 the delay that one stall adds is never caught up.
  maxLiveSyncPlaybackRate: 1.5,
  // No larger picture than the page shows; a choice from the menu overrules it.
  capLevelToPlayerSize: true,
  // Start in the middle of the ladder instead of at its bottom: bits per second.
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
      // A blocking reload is held by the server until the next part is there: seconds, when the publisher is away.
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
