import type { PlayerStats } from './live-player.js';

/** What the page tells of itself: the stream's state as the API has it, and the player's counters while there is one. */
export type PageStats = { state: string } & Partial<PlayerStats>;

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
