import { PassThrough } from 'node:stream';
import { pino } from 'pino';
import type { Logger } from '../../src/platform/index.js';

/** A log that is kept in memory. */
export function recordLog(): { log: Logger; lines(): Record<string, unknown>[] } {
  const written: string[] = [];
  const stream = new PassThrough();
  stream.on('data', (bytes) => written.push(String(bytes)));
  const log = pino({ level: 'trace', base: null }, stream);
  const lines = (): Record<string, unknown>[] =>
    written
      .join('')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  return { log, lines };
}
