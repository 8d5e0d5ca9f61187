const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];

/** Time from now in words, such as `in 2 hours` or `5 minutes ago`. */
export function relativeTimeText(time: string, nowMs: number, locale?: string): string {
  const seconds = (Date.parse(time) - nowMs) / 1_000;
  const [unit, size] = UNITS.find(([, least]) => Math.abs(seconds) >= least) ?? ['minute', 60];
  return new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }).format(Math.trunc(seconds / size), unit);
}
