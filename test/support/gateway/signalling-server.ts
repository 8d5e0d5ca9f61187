import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import type { Test } from 'tap';
import { createServer } from '../../../src/api/index.js';
import { type Clock, type Logger, systemClock } from '../../../src/platform/index.js';

export type TestServer = {
  app: FastifyInstance;
  log: Logger;
  /** Log lines, one JSON line each. */
  logLines: string[];
};

/** The gateway's HTTP server without routes; closed with the test. */
export function createTestServer(t: Test, clock: Clock = systemClock): TestServer {
  const logLines: string[] = [];
  const log = pino({ level: 'trace', base: null }, { write: (line: string) => void logLines.push(line) });
  const app = createServer({ log, clock, trustProxy: true, version: '1.2.3' });
  t.teardown(() => app.close());
  return { app, log, logLines };
}
