import { TILE_INTERVAL_MS } from './sprite-maker.js';
import type { SpriteSheet } from './sprite-table.js';

/** Size of a tile, pixels; pictures of another shape have bars. */
export const TILE = { width: 160, height: 90 } as const;

/**
 * Renders sheets as WebVTT: each cue is the address of a tile with its place (Media Fragments URI, `#xywh`), as players
 * expect thumbnails. A cue's identifier is the date of its picture.
 *
 * @param positionOf returns the position of a date (Unix ms) in the playlist, s
 * @param folder URI of the folder of recordings, with a trailing slash
 * @param uriSuffix appended to every URI, before the fragment
 */
export function renderSpriteCues(
  sheets: readonly SpriteSheet[],
  positionOf: (dateMs: number) => number,
  folder: string,
  uriSuffix: string,
): string {
  const tiles = sheets.flatMap(({ recordingId, number, timesMs }) =>
    timesMs.map((timeMs, index) => ({
      timeMs,
      address: `${folder}${recordingId}/sprites/${number}.jpg${uriSuffix}#xywh=${index * TILE.width},0,${TILE.width},${TILE.height}`,
    })),
  );
  const lines = ['WEBVTT', ''];
  for (const [index, { timeMs, address }] of tiles.entries()) {
    const start = positionOf(timeMs);
    const next = tiles[index + 1];
    const end = Math.max(next ? positionOf(next.timeMs) : start + TILE_INTERVAL_MS / 1_000, start + 0.001);
    lines.push(new Date(timeMs).toISOString(), `${cueTime(start)} --> ${cueTime(end)}`, address, '');
  }
  return lines.join('\n');
}

/** Formats seconds as a WebVTT timestamp. */
function cueTime(seconds: number): string {
  const ms = Math.max(0, Math.round(seconds * 1_000));
  const two = (value: number): string => String(value).padStart(2, '0');
  const time = `${two(Math.floor(ms / 3_600_000))}:${two(Math.floor(ms / 60_000) % 60)}:${two(Math.floor(ms / 1_000) % 60)}`;
  return `${time}.${String(ms % 1_000).padStart(3, '0')}`;
}
