import { type Logger, pino } from 'pino';

export type { Logger } from 'pino';

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

/** Secrets must not reach the log by any path: these properties are removed wherever they stand. */
const SECRETS = [
  'streamKey',
  '*.streamKey',
  'key',
  '*.key',
  'token',
  '*.token',
  'authorization',
  '*.authorization',
];

/** The process's logger: JSON lines on standard output. */
export function createLog(level: LogLevel): Logger {
  return pino({ level, base: null, redact: { paths: SECRETS, remove: true } });
}
