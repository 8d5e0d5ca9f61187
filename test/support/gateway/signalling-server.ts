import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import type { Test } from 'tap';
import { createServer } from '../../../src/api/index.js';
import { type Clock, type Logger, systemClock } from '../../../src/platform/index.js';

export type SignallingServer = {
  app: FastifyInstance;
  log: Logger;
  /** Everything that was logged, one JSON line each. */
  logged: string[];
};

/** The gateway's HTTP server without routes; closed with the test. */
export function signallingServer(t: Test, clock: Clock = systemClock): SignallingServer {
  const logged: string[] = [];
  const log = pino({ level: 'trace', base: null }, { write: (line: string) => void logged.push(line) });
  const app = createServer({ log, clock, trustProxy: true, version: '1.2.3' });
  t.teardown(() => app.close());
  return { app, log, logged };
}
