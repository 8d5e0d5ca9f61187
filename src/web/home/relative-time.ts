import { durationText, timeText } from '../forms/format.js';
import { currentLocale } from '../locale/language.js';
import { homeTexts } from '../texts/home.js';

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];
const DAY_S = 86_400;

/** Time from now in words, such as `in 2 hours` or `5 minutes ago`. */
export function relativeTimeText(time: string, nowMs: number, locale = currentLocale()): string {
  const seconds = (Date.parse(time) - nowMs) / 1_000;
  const [unit, size] = UNITS.find(([, least]) => Math.abs(seconds) >= least) ?? ['minute', 60];
  return new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }).format(Math.trunc(seconds / size), unit);
}

/** When a planned broadcast begins: counts down during the last day. */
export function countdownText(time: string, nowMs: number): string {
  const seconds = (Date.parse(time) - nowMs) / 1_000;
  if (seconds <= 0) return homeTexts.startsSoon;
  return seconds < DAY_S
    ? homeTexts.startsIn(durationText(Math.ceil(seconds)))
    : homeTexts.startsAt(timeText(time));
}

/** Time since the start of a broadcast; `0:00` for a clock that is behind. */
export function uptimeText(startedAt: string, nowMs: number): string {
  return durationText((nowMs - Date.parse(startedAt)) / 1_000);
}
