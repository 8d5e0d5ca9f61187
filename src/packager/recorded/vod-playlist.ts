import { initName, segmentName } from '../media-playlist.js';

/** Segment of a recorded rendition. */
export type VodSegment = {
  /** Rendition that has the bytes: in another encoder run another one may take the place of the playlist's own. */
  rendition: string;
  /** Encoder run; another run is a discontinuity. */
  run: number;
  msn: number;
  durationS: number;
  programDateTimeMs: number;
  /** Missing in this rendition, present in others. */
  gap: boolean;
  /** Place in the file of the run, which begins with `initBytes` of its initialization section; of a gap undefined. */
  place?: { byteOffset: number; byteLength: number; initBytes: number } | undefined;
};

/** Name of a file with all segments of a rendition in an encoder run. */
export const fileName = (run: number): string => `file-${run}.mp4`;

/** Deviation of a segment's time from the sum of the durations before it above which its date is written, ms. */
const DATE_TOLERANCE_MS = 50;

/**
 * Renders the media playlist of a recorded rendition (RFC 8216bis, 4.4.3.5: EXT-X-PLAYLIST-TYPE VOD). Names of segments
 * and initialization sections are those of the live playlist.
 *
 * @param rendition the playlist's own; the URIs of others are relative to it
 * @param uriSuffix appended to every URI
 * @param form `ranges`: the URIs are those of whole files, with byte ranges (RFC 8216bis, 4.4.4.2)
 */
export function renderVodPlaylist(
  rendition: string,
  segments: readonly VodSegment[],
  uriSuffix: string,
  form: 'segments' | 'ranges' = 'segments',
): string {
  const longestS = segments.reduce((longest, { durationS }) => Math.max(longest, durationS), 1);
  const lines = [
    '#EXTM3U',
    '#EXT-X-VERSION:8',
    `#EXT-X-TARGETDURATION:${Math.max(1, Math.round(longestS))}`,
    '#EXT-X-PLAYLIST-TYPE:VOD',
    '#EXT-X-INDEPENDENT-SEGMENTS',
  ];
  writeVodSegments(lines, rendition, segments, uriSuffix, { form });
  lines.push('#EXT-X-ENDLIST', '');
  return lines.join('\n');
}

/**
 * Appends the lines of segments.
 *
 * @param options `skipped`: segments at the start that the player knows, which are not written; `countsRuns`: a run without a
 * segment is a discontinuity too
 */
export function writeVodSegments(
  lines: string[],
  rendition: string,
  segments: readonly VodSegment[],
  uriSuffix: string,
  {
    skipped = 0,
    countsRuns = false,
    form = 'segments',
  }: { skipped?: number; countsRuns?: boolean; form?: 'segments' | 'ranges' } = {},
): void {
  let previous = segments[skipped - 1];
  let mapped = '';
  let expectedMs = Number.NEGATIVE_INFINITY;
  if (previous)
    mapped = mapName(
      rendition,
      segments.findLast(({ gap }, index) => index < skipped && !gap),
    );
  for (let index = skipped; index < segments.length; index++) {
    const segment = segments[index]!;
    const { run, msn, durationS, programDateTimeMs, gap } = segment;
    const place = form === 'ranges' ? segment.place : undefined;
    const runs = run - (previous?.run ?? run);
    for (let count = 0; count < (countsRuns ? runs : Math.min(1, runs)); count++)
      lines.push('#EXT-X-DISCONTINUITY');
    const folder = segment.rendition === rendition ? '' : `../${segment.rendition}/`;
    const file = `${folder}${fileName(run)}`;
    const map = place ? file : mapName(rendition, segment);
    if (!gap && map !== mapped) {
      lines.push(`#EXT-X-MAP:URI="${map}${uriSuffix}"${place ? `,BYTERANGE="${place.initBytes}@0"` : ''}`);
      mapped = map;
    }
    if (previous?.run !== run || Math.abs(programDateTimeMs - expectedMs) > DATE_TOLERANCE_MS) {
      lines.push(`#EXT-X-PROGRAM-DATE-TIME:${new Date(programDateTimeMs).toISOString()}`);
      expectedMs = programDateTimeMs;
    }
    if (gap) lines.push('#EXT-X-GAP');
    lines.push(`#EXTINF:${durationS.toFixed(5)},`);
    if (place) lines.push(`#EXT-X-BYTERANGE:${place.byteLength}@${place.byteOffset}`, `${file}${uriSuffix}`);
    else lines.push(`${folder}${segmentName(msn)}${uriSuffix}`);
    expectedMs += durationS * 1000;
    previous = segment;
  }
}

function mapName(rendition: string, segment: VodSegment | undefined): string {
  if (!segment) return '';
  return `${segment.rendition === rendition ? '' : `../${segment.rendition}/`}${initName(segment.run)}`;
}
