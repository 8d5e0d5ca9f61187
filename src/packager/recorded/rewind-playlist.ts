import { startTag } from '../multivariant-playlist.js';
import { SKIP_TARGETS } from '../playlist-limits.js';
import { type VodSegment, writeVodSegments } from './vod-playlist.js';

/** Playlist of a running broadcast that reaches back further than the live one. */
export type RewindPlaylist = {
  /** At least one, without holes. */
  segments: readonly VodSegment[];
  /** Number of the first segment: counts the segments of the broadcast. */
  mediaSequence: number;
  /** Longest segment so far, s. */
  longestS: number;
  /** The broadcast has ended. */
  ended: boolean;
  /** Position at which players start (EXT-X-START), s; undefined: they decide. */
  startS?: number | undefined;
};

/**
 * Renders the media playlist of a window in which viewers can rewind, without parts. It is an EVENT playlist while it reaches
 * back to the first segment of the broadcast (RFC 8216bis, 4.4.3.5); after that old segments leave it. Discontinuity
 * sequence numbers are indexes of encoder runs, as in the live playlist.
 *
 * @param rendition the playlist's own; the URIs of others are relative to it
 * @param delta skips old segments (6.2.5.1)
 * @param uriSuffix appended to every URI
 */
export function renderRewindPlaylist(
  rendition: string,
  playlist: RewindPlaylist,
  delta: boolean,
  uriSuffix: string,
): string {
  const { segments, mediaSequence, longestS, ended, startS } = playlist;
  const targetDurationS = Math.max(1, Math.round(longestS));
  const lines = [
    '#EXTM3U',
    '#EXT-X-VERSION:9',
    `#EXT-X-TARGETDURATION:${targetDurationS}`,
    `#EXT-X-SERVER-CONTROL:CAN-SKIP-UNTIL=${(targetDurationS * SKIP_TARGETS).toFixed(1)}`,
    `#EXT-X-MEDIA-SEQUENCE:${mediaSequence}`,
    `#EXT-X-DISCONTINUITY-SEQUENCE:${segments[0]?.run ?? 0}`,
    ...(mediaSequence === 0 ? ['#EXT-X-PLAYLIST-TYPE:EVENT'] : []),
    '#EXT-X-INDEPENDENT-SEGMENTS',
    ...(startS === undefined ? [] : [startTag(startS)]),
  ];
  const skipped = delta ? skippable(segments, targetDurationS * SKIP_TARGETS) : 0;
  if (skipped > 0) lines.push(`#EXT-X-SKIP:SKIPPED-SEGMENTS=${skipped}`);
  writeVodSegments(lines, rendition, segments, uriSuffix, { skipped, countsRuns: true });
  if (ended) lines.push('#EXT-X-ENDLIST');
  lines.push('');
  return lines.join('\n');
}

/** Counts the segments before the skip boundary (4.4.5.2). */
function skippable(segments: readonly VodSegment[], reachS: number): number {
  let ageS = 0;
  for (let index = segments.length - 1; index >= 0; index--) {
    ageS += segments[index]!.durationS;
    if (ageS > reachS) return index;
  }
  return 0;
}
