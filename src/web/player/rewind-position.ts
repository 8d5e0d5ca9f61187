/** Segment of a playlist, as hls.js describes it. */
type DatedSegment = { start: number; duration: number; programDateTime: number | null };

/**
 * Returns the position of a date in the media element's timeline; times at which nothing was broadcast are the start of what
 * followed. Undefined for a playlist without dates.
 *
 * @param segments of the playlist, in order
 * @param dateMs Unix ms
 */
export function positionOfDate(segments: readonly DatedSegment[], dateMs: number): number | undefined {
  for (const { start, duration, programDateTime } of segments) {
    if (programDateTime === null || programDateTime + duration * 1_000 <= dateMs) continue;
    return start + Math.max(0, dateMs - programDateTime) / 1_000;
  }
  const last = segments.at(-1);
  return last?.programDateTime === null ? undefined : last?.start;
}

/** Returns the URL of a rewind window's multivariant playlist that makes players start at a date, Unix ms. */
export function startingAt(url: string, dateMs: number): string {
  const from = new URL(url);
  from.searchParams.set('from', String(Math.round(dateMs)));
  return from.href;
}

/** Window of a broadcast, or whole recording, in which the viewer can seek. */
export type RewindRange = {
  /** Duration of the window, s. */
  lengthS: number;
  /** Distance of the frame on screen from the live edge, or the end of the recording, s. */
  behindS: number;
  /** The viewer has left the live edge. */
  isRewinding: boolean;
  isRecording: boolean;
};

/** Shortest window with which a scrubber is shown, s. */
export const MINIMUM_RANGE_S = 10;
/** Distance from the live edge up to which a seek returns to it, s: the rewind playlist plays that far behind. */
export const LIVE_REACH_S = 6;

/** Formats a position or a distance, such as `1:05` or `2:00:00`. */
export function timeText(seconds: number): string {
  const whole = Math.round(seconds);
  const two = (value: number): string => String(value).padStart(2, '0');
  const minutes = Math.floor(whole / 60) % 60;
  const hours = Math.floor(whole / 3_600);
  return `${hours > 0 ? `${hours}:${two(minutes)}` : minutes}:${two(whole % 60)}`;
}
