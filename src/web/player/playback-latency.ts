import { serverClock } from '../api/server-clock.js';

/** Playlists whose ends are compared with the server's clock: those of the last seconds. */
const PLAYLISTS = 20;

/**
 * Returns the seconds from the broadcast's clock to the screen; undefined while media time or server time are unknown.
 *
 * @param playbackTimeMs media time of the frame on screen, Unix ms by the server's clock
 * @param leadMs time by which media are dated later than they arrived
 */
export function latencyOf(playbackTimeMs: number | undefined, leadMs = 0): number | undefined {
  const nowMs = serverClock.measuredNow();
  if (playbackTimeMs === undefined || nowMs === undefined) return undefined;
  return Math.max(0, nowMs - playbackTimeMs + leadMs) / 1_000;
}

/**
 * Time by which media are dated later than they arrived: dates count from the first picture, and encoders that were held
 * up at their start send what follows it early.
 */
export class MediaLead {
  #leadsMs: number[] = [];

  get leadMs(): number {
    return Math.max(0, ...this.#leadsMs);
  }

  /** @param endMs date of the end of a playlist that was just loaded, Unix ms */
  playlistLoaded(endMs: number): void {
    const nowMs = serverClock.measuredNow();
    if (nowMs !== undefined) this.#leadsMs = [...this.#leadsMs, endMs - nowMs].slice(-PLAYLISTS);
  }
}
