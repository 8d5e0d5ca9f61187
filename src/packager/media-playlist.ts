import { HOLD_BACK_TARGETS, PART_HOLD_BACK_PARTS, PART_TARGETS, SKIP_TARGETS } from './playlist-limits.js';
import type { Segment } from './segment.js';

/** Content of a media playlist (RFC 8216bis, 4.4). */
export type MediaPlaylist = {
  targetDurationS: number;
  partTargetS: number;
  /** At least one; only the last may be incomplete. */
  segments: readonly Segment[];
  /** Next part, when it is certain to appear. */
  hint: { msn: number; part: number } | undefined;
  reports: readonly { uri: string; msn: number; part: number }[];
  ended: boolean;
};

export const initName = (run: number): string => `init-${run}.mp4`;
export const segmentName = (msn: number): string => `s${msn}.m4s`;
export const partName = (msn: number, part: number): string => `p${msn}.${part}.m4s`;

/** Returns the index of the first segment within `reachS` of the end. */
function firstWithin(segments: readonly Segment[], reachS: number): number {
  let ageS = 0;
  for (let index = segments.length - 1; index > 0; index--) {
    ageS += segments[index]!.durationS;
    if (ageS + segments[index - 1]!.durationS > reachS) return index;
  }
  return 0;
}

/** Counts the segments that a delta update skips: those before the skip boundary (4.4.5.2). */
function skippable(segments: readonly Segment[], reachS: number): number {
  let ageS = 0;
  for (let index = segments.length - 1; index >= 0; index--) {
    ageS += segments[index]!.durationS;
    if (ageS > reachS) return index;
  }
  return 0;
}

/**
 * Returns the discontinuity sequence number with which the first segment's own number is its run index. Its
 * EXT-X-DISCONTINUITY tags count for it (6.2.1), so they are subtracted.
 */
function discontinuitySequence(first: Segment): number {
  return first.run - first.discontinuities;
}

/**
 * Renders a media playlist; `delta` skips old segments.
 *
 * @param uriSuffix appended to every URI: relative references do not inherit the query of the playlist (RFC 3986,
 * 5.2.2)
 */
export function renderMediaPlaylist(playlist: MediaPlaylist, delta: boolean, uriSuffix = ''): string {
  const { segments, targetDurationS } = playlist;
  const first = segments[0];
  const last = segments.at(-1);
  if (!first || !last) throw new Error('A media playlist needs a segment');
  // Rounded up to 10 us, as no part may exceed it; parts are never longer than a segment.
  const partTargetS = Math.min(targetDurationS, Math.ceil(playlist.partTargetS * 1e5) / 1e5);
  const control = [
    'CAN-BLOCK-RELOAD=YES',
    `CAN-SKIP-UNTIL=${(targetDurationS * SKIP_TARGETS).toFixed(1)}`,
    `PART-HOLD-BACK=${(Math.ceil(partTargetS * PART_HOLD_BACK_PARTS * 1000) / 1000).toFixed(3)}`,
    `HOLD-BACK=${(targetDurationS * HOLD_BACK_TARGETS).toFixed(1)}`,
  ];
  const lines = [
    '#EXTM3U',
    '#EXT-X-VERSION:9',
    `#EXT-X-TARGETDURATION:${targetDurationS}`,
    `#EXT-X-SERVER-CONTROL:${control.join(',')}`,
    `#EXT-X-PART-INF:PART-TARGET=${partTargetS.toFixed(5)}`,
    `#EXT-X-MEDIA-SEQUENCE:${first.msn}`,
    `#EXT-X-DISCONTINUITY-SEQUENCE:${discontinuitySequence(first)}`,
    '#EXT-X-INDEPENDENT-SEGMENTS',
  ];
  const skipped = delta ? skippable(segments, targetDurationS * SKIP_TARGETS) : 0;
  if (skipped > 0) lines.push(`#EXT-X-SKIP:SKIPPED-SEGMENTS=${skipped}`);
  const partsFrom = Math.max(
    firstWithin(segments, targetDurationS * PART_TARGETS),
    // With segments shorter than the target duration their number decides, including the next one.
    segments.length - PART_TARGETS + (playlist.hint?.msn ?? last.msn) - last.msn,
  );
  // The map of skipped segments is known to the player.
  let mapped = segments.slice(0, skipped).findLast(({ gap }) => !gap)?.run;
  for (let index = skipped; index < segments.length; index++) {
    const segment = segments[index]!;
    for (let count = 0; count < segment.discontinuities; count++) lines.push('#EXT-X-DISCONTINUITY');
    // A run with only gaps in this rendition has no map here.
    if (segment.run !== mapped && !segment.gap) {
      lines.push(`#EXT-X-MAP:URI="${initName(segment.run)}${uriSuffix}"`);
      mapped = segment.run;
    }
    writeSegment(lines, segment, index >= partsFrom, uriSuffix);
  }
  if (playlist.ended) {
    lines.push('#EXT-X-ENDLIST');
  } else {
    const { hint } = playlist;
    if (hint) lines.push(`#EXT-X-PRELOAD-HINT:TYPE=PART,URI="${partName(hint.msn, hint.part)}${uriSuffix}"`);
    for (const { uri, msn, part } of playlist.reports) {
      lines.push(`#EXT-X-RENDITION-REPORT:URI="${uri}${uriSuffix}",LAST-MSN=${msn},LAST-PART=${part}`);
    }
  }
  lines.push('');
  return lines.join('\n');
}

function writeSegment(lines: string[], segment: Segment, withParts: boolean, uriSuffix: string): void {
  lines.push(`#EXT-X-PROGRAM-DATE-TIME:${new Date(segment.programDateTimeMs).toISOString()}`);
  if (withParts) {
    segment.parts.forEach((part, index) => {
      const uri = `${partName(segment.msn, index)}${uriSuffix}`;
      const independent = part.independent ? ',INDEPENDENT=YES' : '';
      lines.push(`#EXT-X-PART:DURATION=${part.durationS.toFixed(5)},URI="${uri}"${independent}`);
    });
  }
  if (segment.gap) lines.push('#EXT-X-GAP');
  if (segment.complete)
    lines.push(`#EXTINF:${segment.durationS.toFixed(5)},`, `${segmentName(segment.msn)}${uriSuffix}`);
}
