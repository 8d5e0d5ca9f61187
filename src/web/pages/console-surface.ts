import type { OutboundStats } from '../broadcast/outbound-stats.js';
import type { PlayerStats } from '../player/live-player.js';

/** Statistics of the watch page: the stream's state by the API, and the player's counters while there is one. */
export type WatchStats = { state: string } & Partial<PlayerStats>;

/** Statistics of the broadcast page. */
export type BroadcastStats = {
  state: string;
  reconnects: number;
  /** Message for the user: why it is not live. */
  reason?: string;
  /** Only while live. */
  outbound?: OutboundStats;
};

export type PageStats = WatchStats | BroadcastStats;

declare global {
  interface Window {
    /** For the browser's console and for tests; not a stable interface. */
    headend?: { stats(): PageStats };
  }
}

/** Exposes `headend.stats()` in the console. @returns a function that removes it */
export function exposeStats(stats: () => PageStats): () => void {
  const surface = { stats };
  window.headend = surface;
  return () => {
    if (window.headend === surface) delete window.headend;
  };
}
