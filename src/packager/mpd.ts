import { PART_HOLD_BACK_PARTS } from './playlist-limits.js';
import type { RenditionWindow } from './rendition-window.js';
import type { Segment } from './segment.js';

/** Content of a DASH presentation description (ISO/IEC 23009-1). */
export type Mpd = {
  broadcastId: string;
  /** Unix ms at which the media time is 0. */
  originMs: number;
  /** Start of each encoder run that the windows may contain, media time in s. */
  runStartsS: ReadonlyMap<number, number>;
  windows: readonly RenditionWindow[];
  windowDurationS: number;
  targetDurationS: number;
  ended: boolean;
  /** Unix ms of the last change. */
  publishedAtMs: number;
};

/** URIs of a description, relative to it. */
export type MpdUris = {
  /** Prefix of the renditions' folders. */
  media: string;
  /** Appended to the URIs of media: relative references do not inherit the query of the description. */
  mediaSuffix: string;
  /** Description for the next reload. */
  location: string;
  /** Answers with the time of this server. */
  time: string;
};

/** Ticks per second of segment timelines. */
export const MPD_TIMESCALE = 1000;
/** Target latency, parts: three more than HLS players keep, as DASH players measure by whole segments. */
const LATENCY_PARTS = PART_HOLD_BACK_PARTS + 3;
/** Minimum latency of players that catch up, s. */
const MINIMUM_LATENCY_S = 0.5;
export const MPD_PROFILES = 'urn:mpeg:dash:profile:isoff-live:2011';

/** `endS`: start of the next period, if there is one. */
type Period = { run: number; listed: Listed[]; endS: number | undefined };
type Listed = { window: RenditionWindow; run: number; segments: Segment[] };

/**
 * Renders a description: one period per encoder run, and in it the segments that media playlists list. The open segment
 * is listed with its expected duration; its request is answered while it is written.
 */
export function renderMpd(mpd: Mpd, uris: MpdUris): string {
  const { windows, ended, originMs, targetDurationS } = mpd;
  const partS = Math.max(...windows.map(({ partTargetS }) => partTargetS), 0);
  const latencyS = Math.max(MINIMUM_LATENCY_S, partS * LATENCY_PARTS);
  const attributes = [
    'xmlns="urn:mpeg:dash:schema:mpd:2011"',
    `profiles="${MPD_PROFILES}"`,
    `type="${ended ? 'static' : 'dynamic'}"`,
    `minBufferTime="${isoDuration(targetDurationS)}"`,
    `maxSegmentDuration="${isoDuration(targetDurationS + 0.5)}"`,
  ];
  if (ended) attributes.push(`mediaPresentationDuration="${isoDuration(lastEndS(mpd))}"`);
  else
    attributes.push(
      `availabilityStartTime="${new Date(originMs).toISOString()}"`,
      `publishTime="${new Date(mpd.publishedAtMs).toISOString()}"`,
      `minimumUpdatePeriod="${isoDuration(targetDurationS / 2)}"`,
      `timeShiftBufferDepth="${isoDuration(mpd.windowDurationS)}"`,
      `suggestedPresentationDelay="${isoDuration(latencyS)}"`,
    );
  const lines = ['<?xml version="1.0" encoding="UTF-8"?>', `<MPD ${attributes.join(' ')}>`];
  if (!ended) {
    const milliseconds = Math.round(latencyS * 1000);
    lines.push(
      `<Location>${uris.location}</Location>`,
      `<ServiceDescription id="0"><Latency target="${milliseconds}" min="${MINIMUM_LATENCY_S * 1000}" max="${milliseconds * 3}"/>` +
        '<PlaybackRate min="0.96" max="1.04"/></ServiceDescription>',
    );
  }
  const periods = periodsOf(mpd);
  periods.forEach(([run, listed], index) => {
    const next = periods[index + 1]?.[0];
    const endS = next === undefined ? undefined : mpd.runStartsS.get(next);
    lines.push(...period(mpd, { run, listed, endS }, partS, uris));
  });
  if (!ended) lines.push(`<UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-iso:2014" value="${uris.time}"/>`);
  lines.push('</MPD>', '');
  return lines.join('\n');
}

/** Groups the listed segments by run, oldest first. */
function periodsOf({ windows }: Mpd): [number, Listed[]][] {
  const periods = new Map<number, Listed[]>();
  for (const window of windows) {
    let current: Listed | undefined;
    for (const segment of window.segments) {
      if (segment.gap && segment.parts.length === 0 && !window.initOf(segment.run)) continue;
      if (current?.run !== segment.run) {
        current = { window, run: segment.run, segments: [] };
        periods.set(segment.run, [...(periods.get(segment.run) ?? []), current]);
      }
      current.segments.push(segment);
    }
  }
  return [...periods].sort(([a], [b]) => a - b);
}

function period(mpd: Mpd, { run, listed, endS }: Period, partS: number, uris: MpdUris): string[] {
  const startS = mpd.runStartsS.get(run) ?? 0;
  const lines = [`<Period id="${run}" start="${isoDuration(startS)}">`];
  for (const kind of ['video', 'audio'] as const) {
    const own = listed.filter(({ window }) => window.kind === kind);
    if (own.length === 0) continue;
    lines.push(
      `<AdaptationSet id="${kind === 'video' ? 0 : 1}" contentType="${kind}" mimeType="${kind}/mp4" segmentAlignment="true" startWithSAP="1">`,
    );
    for (const one of own) lines.push(...representation(mpd, one, { startS, endS }, partS, uris));
    lines.push('</AdaptationSet>');
  }
  return [...lines, '</Period>'];
}

function representation(
  { broadcastId, originMs, targetDurationS }: Mpd,
  { window, run, segments }: Listed,
  { startS, endS }: { startS: number; endS: number | undefined },
  partS: number,
  { media, mediaSuffix }: MpdUris,
): string[] {
  const init = window.initOf(run);
  const [first] = segments;
  if (!init || !first) return [];
  const attributes = [`id="${window.id}"`, `codecs="${init.codec}"`, `bandwidth="${window.bandwidth.peak}"`];
  if (init.kind === 'video') {
    attributes.push(`width="${init.width}"`, `height="${init.height}"`);
    if (window.frameRate !== undefined) attributes.push(`frameRate="${frameRateText(window.frameRate)}"`);
  } else attributes.push(`audioSamplingRate="${init.timescale}"`);
  const folder = `${media}${broadcastId}/${window.id}/`;
  const offsetS = Math.max(0, targetDurationS - partS);
  const template = [
    `timescale="${MPD_TIMESCALE}"`,
    `presentationTimeOffset="${Math.round(startS * MPD_TIMESCALE)}"`,
    `startNumber="${first.msn}"`,
    `initialization="${folder}init-${run}.mp4${mediaSuffix}"`,
    `media="${folder}s$Number$.m4s${mediaSuffix}"`,
    `availabilityTimeOffset="${offsetS.toFixed(3)}"`,
    'availabilityTimeComplete="false"',
  ];
  const lines = [`<Representation ${attributes.join(' ')}>`, `<SegmentTemplate ${template.join(' ')}>`];
  lines.push('<SegmentTimeline>');
  segments.forEach((segment, index) => {
    const at = segment.programDateTimeMs - originMs;
    const next = segments[index + 1];
    const ticks = next ? next.programDateTimeMs - originMs - at : ownTicks(segment, window, targetDurationS);
    // The time without a publisher counts to the last segment: players find no segment in a hole, and jump over missing media.
    const lastTicks =
      next || endS === undefined ? ticks : Math.max(ticks, Math.round(endS * MPD_TIMESCALE) - at);
    lines.push(`<S t="${at}" d="${lastTicks}"/>`);
  });
  return [...lines, '</SegmentTimeline>', '</SegmentTemplate>', '</Representation>'];
}

/** Duration of a run's last segment, in ticks; expected for one that is open. */
function ownTicks(segment: Segment, window: RenditionWindow, targetDurationS: number): number {
  const expectedS = segment.complete ? 0 : (window.start?.expectedDurationS ?? targetDurationS);
  return Math.round(Math.max(segment.durationS, expectedS) * MPD_TIMESCALE);
}

/** End of the media, s. */
function lastEndS({ windows, originMs }: Mpd): number {
  const ends = windows.flatMap(({ last }) =>
    last ? (last.programDateTimeMs - originMs) / 1000 + last.durationS : [],
  );
  return Math.max(0, ...ends);
}

/** ISO 8601 duration of seconds. */
export function isoDuration(seconds: number): string {
  return `PT${Number(seconds.toFixed(3))}S`;
}

/** Frame rate as the schema allows it: whole, or a fraction. */
export function frameRateText(rate: number): string {
  const whole = Math.round(rate);
  if (Math.abs(rate - whole) < 0.005) return String(whole);
  const ntsc = Math.round((rate * 1001) / 1000);
  return Math.abs(rate - (ntsc * 1000) / 1001) < 0.005
    ? `${ntsc * 1000}/1001`
    : `${Math.round(rate * 1000)}/1000`;
}
