import { initName, segmentName } from '../media-playlist.js';
import { frameRateText, isoDuration, MPD_PROFILES, MPD_TIMESCALE } from '../mpd.js';
import type { RecordedVariant } from '../multivariant-playlist.js';
import { fileName } from './vod-playlist.js';

/** Segment that a file has. */
export type DashSegment = {
  msn: number;
  durationS: number;
  programDateTimeMs: number;
  byteOffset: number;
  byteLength: number;
};

/** A rendition in one encoder run: at least one segment, in order. */
export type DashRepresentation = {
  variant: RecordedVariant;
  initBytes: number;
  segments: readonly DashSegment[];
};

/** An encoder run with at least one rendition. */
export type DashPeriod = { run: number; representations: readonly DashRepresentation[] };

export type VodMpd = {
  periods: readonly DashPeriod[];
  /** Unix ms at which the media time is 0. */
  originMs: number;
};

/** Media times in ticks. */
type Span = { startAt: number; endAt: number };

/**
 * Renders the DASH presentation description of a recording (ISO/IEC 23009-1, static): one period per encoder run, which lasts as
 * long as its media. Paths of media are those of the HLS playlists.
 *
 * @param uriSuffix appended to the URIs of media
 * @param form `ranges`: the URIs are those of whole files, with byte ranges
 */
export function renderVodMpd(
  { periods, originMs }: VodMpd,
  uriSuffix: string,
  form: 'segments' | 'ranges' = 'segments',
): string {
  const bodies: string[] = [];
  let [positionTicks, longestTicks] = [0, MPD_TIMESCALE];
  for (const { run, representations } of periods) {
    const span = spanOf(representations, originMs);
    const lengthTicks = span.endAt - span.startAt;
    bodies.push(
      `<Period id="${run}" start="${isoDuration(positionTicks / MPD_TIMESCALE)}" duration="${isoDuration(lengthTicks / MPD_TIMESCALE)}">`,
    );
    for (const kind of ['video', 'audio'] as const) {
      const own = representations.filter(({ variant }) => variant.kind === kind);
      if (own.length === 0) continue;
      bodies.push(
        `<AdaptationSet id="${kind === 'video' ? 0 : 1}" contentType="${kind}" mimeType="${kind}/mp4" segmentAlignment="true" startWithSAP="1">`,
      );
      for (const one of own) {
        const durations = durationsOf(one.segments, span, originMs);
        for (const ticks of durations) longestTicks = Math.max(longestTicks, ticks);
        bodies.push(...representation(one, { run, startAt: span.startAt, durations }, uriSuffix, form));
      }
      bodies.push('</AdaptationSet>');
    }
    bodies.push('</Period>');
    positionTicks += lengthTicks;
  }
  const longest = isoDuration(longestTicks / MPD_TIMESCALE);
  const attributes = [
    'xmlns="urn:mpeg:dash:schema:mpd:2011"',
    `profiles="${MPD_PROFILES}"`,
    'type="static"',
    `mediaPresentationDuration="${isoDuration(positionTicks / MPD_TIMESCALE)}"`,
    `minBufferTime="${longest}"`,
    `maxSegmentDuration="${longest}"`,
  ];
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<MPD ${attributes.join(' ')}>`,
    ...bodies,
    '</MPD>',
    '',
  ].join('\n');
}

function spanOf(representations: readonly DashRepresentation[], originMs: number): Span {
  let [startAt, endAt] = [Number.POSITIVE_INFINITY, 0];
  for (const { segments } of representations) {
    const [first, last] = [segments[0]!, segments.at(-1)!];
    startAt = Math.min(startAt, ticksAt(first, originMs));
    endAt = Math.max(endAt, ticksAt(last, originMs) + Math.round(last.durationS * MPD_TIMESCALE));
  }
  return { startAt, endAt };
}

/**
 * Returns the durations of segments in a timeline without holes: the time of a missing segment counts to the one before, as
 * players find no segment in a hole, and jump over missing media.
 */
function durationsOf(segments: readonly DashSegment[], { startAt, endAt }: Span, originMs: number): number[] {
  const starts = segments.map((segment, index) => (index === 0 ? startAt : ticksAt(segment, originMs)));
  return starts.map((start, index) => Math.max(1, (starts[index + 1] ?? endAt) - start));
}

function representation(
  { variant, initBytes, segments }: DashRepresentation,
  { run, startAt, durations }: { run: number; startAt: number; durations: readonly number[] },
  uriSuffix: string,
  form: 'segments' | 'ranges',
): string[] {
  const { id, kind, codec, bandwidth } = variant;
  const attributes = [`id="${id}"`, `codecs="${codec}"`, `bandwidth="${bandwidth}"`];
  if (kind === 'video') {
    attributes.push(`width="${variant.width}"`, `height="${variant.height}"`);
    if (variant.frameRate !== undefined) attributes.push(`frameRate="${frameRateText(variant.frameRate)}"`);
  }
  const common = `timescale="${MPD_TIMESCALE}" presentationTimeOffset="${startAt}"`;
  const timeline = ['<SegmentTimeline>', ...timelineOf(startAt, durations), '</SegmentTimeline>'];
  const open = `<Representation ${attributes.join(' ')}>`;
  const first = segments[0]!.msn;
  const isNumbered = segments.every(({ msn }, index) => msn === first + index);
  if (form === 'segments' && isNumbered)
    return [
      open,
      `<SegmentTemplate ${common} startNumber="${first}" initialization="${id}/${initName(run)}${uriSuffix}" media="${id}/s$Number$.m4s${uriSuffix}">`,
      ...timeline,
      '</SegmentTemplate>',
      '</Representation>',
    ];
  const file = `${id}/${fileName(run)}${uriSuffix}`;
  const initialization =
    form === 'ranges'
      ? `sourceURL="${file}" range="0-${initBytes - 1}"`
      : `sourceURL="${id}/${initName(run)}${uriSuffix}"`;
  return [
    open,
    `<SegmentList ${common}>`,
    `<Initialization ${initialization}/>`,
    ...timeline,
    ...segments.map(({ msn, byteOffset, byteLength }) =>
      form === 'ranges'
        ? `<SegmentURL media="${file}" mediaRange="${byteOffset}-${byteOffset + byteLength - 1}"/>`
        : `<SegmentURL media="${id}/${segmentName(msn)}${uriSuffix}"/>`,
    ),
    '</SegmentList>',
    '</Representation>',
  ];
}

/** Writes equal durations in a row as one line. */
function timelineOf(startAt: number, durations: readonly number[]): string[] {
  const lines: string[] = [];
  for (let index = 0; index < durations.length; ) {
    const duration = durations[index]!;
    let end = index + 1;
    while (durations[end] === duration) end++;
    const repeated = end - index > 1 ? ` r="${end - index - 1}"` : '';
    lines.push(`<S ${index === 0 ? `t="${startAt}" ` : ''}d="${duration}"${repeated}/>`);
    index = end;
  }
  return lines;
}

function ticksAt({ programDateTimeMs }: DashSegment, originMs: number): number {
  return Math.round(((programDateTimeMs - originMs) / 1000) * MPD_TIMESCALE);
}
