import { currentLocale } from '../locale/language.js';
import { formsTexts } from '../texts/forms.js';

const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;

/** `1:02:03`, or `2:03` below an hour. */
export function durationText(durationS: number): string {
  const whole = Math.max(0, Math.floor(durationS));
  const [hours, minutes, seconds] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value: number): string => String(value).padStart(2, '0');
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
}

/** Size in the unit and language of the reader, such as `1.4 GB`. */
export function sizeText(bytes: number, locale = currentLocale()): string {
  const power = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  return new Intl.NumberFormat(locale, {
    style: 'unit',
    unit: UNITS[power] ?? 'byte',
    unitDisplay: 'short',
    maximumFractionDigits: power < 2 ? 0 : 1,
  }).format(bytes / 1_000 ** power);
}

/** Date and time of day in the language and time zone of the reader. */
export function timeText(time: string): string {
  return new Date(time).toLocaleString(currentLocale(), { dateStyle: 'medium', timeStyle: 'short' });
}

/** Number of viewers as a short text. */
export function viewersText(viewers: number): string {
  const { format } = new Intl.NumberFormat(currentLocale(), { notation: 'compact' });
  return formsTexts.watching(format(viewers));
}
