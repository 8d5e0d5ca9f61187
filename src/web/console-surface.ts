import type { PlayerStats } from './live-player.js';

declare global {
  interface Window {
    /** For the browser's console and for tests; no part of any interface. */
    headend?: { stats(): PlayerStats | undefined };
  }
}

/** Puts `headend.stats()` into the console; gives the function that takes it away again. */
export function offerStats(stats: () => PlayerStats | undefined): () => void {
  const surface = { stats };
  window.headend = surface;
  return () => {
    if (window.headend === surface) delete window.headend;
  };
}
