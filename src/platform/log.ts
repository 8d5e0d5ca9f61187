import { type DestinationStream, type Logger, pino } from 'pino';

export type { Logger } from 'pino';

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

/** Properties that hold secrets, removed from every log line. */
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

/** Creates the logger: JSON lines, on standard output by default. */
export function createLog(level: LogLevel, destination: DestinationStream = pino.destination(1)): Logger {
  return pino({ level, base: null, redact: { paths: SECRETS, remove: true } }, destination);
}
