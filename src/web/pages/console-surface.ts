import type { OutboundStats } from '../broadcast/outbound-stats.js';
import type { PlayerStats } from '../player/live-player.js';

/** What the watch page tells of itself: the stream's state as the API has it, and the player's counters while there is one. */
export type WatchStats = { state: string } & Partial<PlayerStats>;

/** What the broadcast page tells of itself. */
export type BroadcastStats = {
  state: string;
  reconnects: number;
  /** Why it is not live, in a sentence. */
  why?: string;
  /** While it is live. */
  outbound?: OutboundStats;
};

export type PageStats = WatchStats | BroadcastStats;

declare global {
  interface Window {
    /** For the browser's console and for tests; no part of any interface. */
    headend?: { stats(): PageStats };
  }
}

/** Puts `headend.stats()` into the console; gives the function that takes it away again. */
export function offerStats(stats: () => PageStats): () => void {
  const surface = { stats };
  window.headend = surface;
  return () => {
    if (window.headend === surface) delete window.headend;
  };
}
