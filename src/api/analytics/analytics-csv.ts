import type { BroadcastAnalytics } from '../contract.js';

/** First characters by which spreadsheets take a cell for a formula (OWASP: CSV injection). */
const FORMULA = /^[=+\-@\t\r]/;

/** Returns one cell (RFC 4180). Text that a spreadsheet would take for a formula begins with an apostrophe. */
export function csvCell(value: string | number): string {
  if (typeof value === 'number') return String(value);
  const text = FORMULA.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const COLUMNS = {
  total: 'viewers',
  whep: 'by WebRTC',
  'll-hls': 'by low-latency HLS',
  hls: 'by HLS',
  dash: 'by DASH',
  joined: 'came',
  departed: 'left',
  messages: 'chat messages',
  joinFailures: 'could not join',
} as const;

/** Returns the series as a table (RFC 4180), one line for each interval. */
export function analyticsCsv(title: string, { from, intervalS, series }: BroadcastAnalytics): string {
  const names = Object.keys(COLUMNS) as (keyof typeof COLUMNS)[];
  const lines = [['livestream', 'time (UTC)', ...names.map((name) => COLUMNS[name])].map(csvCell).join(',')];
  const start = Date.parse(from);
  for (const index of series.total.keys()) {
    const time = new Date(start + index * intervalS * 1_000).toISOString();
    lines.push([title, time, ...names.map((name) => series[name][index] ?? 0)].map(csvCell).join(','));
  }
  return `${lines.join('\r\n')}\r\n`;
}
