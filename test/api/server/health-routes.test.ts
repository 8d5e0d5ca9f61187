import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { createServer, healthRoutes } from '../../../src/api/index.js';
import { FakeClock } from '../../support/fakes/fake-clock.js';

function server(t: Test, check: () => Promise<unknown>): { app: FastifyInstance; clock: FakeClock } {
  const clock = new FakeClock();
  const app = createServer({ log: pino({ level: 'silent' }), clock, trustProxy: false, version: '1.2.3' });
  app.register(healthRoutes, { clock, checks: { database: check, other: async () => {} } });
  t.teardown(() => app.close());
  return { app, clock };
}

t.test('a working gateway is alive and ready', async (t) => {
  const { app } = server(t, async () => {});
  for (const url of ['/healthz', '/readyz']) {
    const answer = await app.inject(url);
    t.same([answer.statusCode, answer.json()], [200, { status: 'ok' }]);
    t.equal(answer.headers['cache-control'], 'no-store');
  }
});

t.test('a gateway without its database is alive and not ready', async (t) => {
  const { app } = server(t, async () => {
    throw new Error('connection refused');
  });
  t.equal((await app.inject('/healthz')).statusCode, 200);
  const answer = await app.inject('/readyz');
  t.equal(answer.statusCode, 503);
  t.match(answer.json(), { error: { code: 'not_ready', details: { database: 'failed', other: 'ok' } } });
  t.notMatch(answer.body, 'connection refused');
});

t.test('a check that hangs fails', async (t) => {
  const { app, clock } = server(t, () => new Promise(() => {}));
  const answer = app.inject('/readyz');
  while (clock.pending === 0) await new Promise((resolve) => setImmediate(resolve));
  await clock.advance(2_000);
  t.equal((await answer).statusCode, 503);
  t.equal(clock.pending, 0);
});
