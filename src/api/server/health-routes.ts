import type { FastifyPluginAsync } from 'fastify';
import { Type } from 'typebox';
import { type Clock, PublicError, sleep } from '../../platform/index.js';
import { errorSchemas } from './error-response.js';

/** Timeout of a check, in ms. */
const CHECK_TIMEOUT_MS = 2_000;

export type HealthRoutesOptions = {
  clock: Clock;
  /** Readiness checks by name; a check fails by rejecting. */
  checks: Record<string, () => Promise<unknown>>;
};

/** `/healthz`: the process answers (liveness). `/readyz`: dependencies work (readiness). */
export const healthRoutes: FastifyPluginAsync<HealthRoutesOptions> = async (app, { clock, checks }) => {
  const tags = ['health'];
  const ok = Type.Object({ status: Type.Literal('ok') });
  app.addHook('onSend', async (_request, reply) => {
    reply.header('cache-control', 'no-store');
  });

  app.get(
    '/healthz',
    { schema: { summary: 'Liveness: the process answers', tags, response: { 200: ok } } },
    async () => ({ status: 'ok' as const }),
  );

  app.get(
    '/readyz',
    {
      schema: {
        summary: 'Readiness: database and dependencies work',
        tags,
        response: { 200: ok, ...errorSchemas(503) },
      },
    },
    async () => {
      const results = await Promise.all(
        Object.entries(checks).map(async ([name, check]) => [name, await passes(check, clock)] as const),
      );
      if (results.every(([, passed]) => passed)) return { status: 'ok' as const };
      const details = Object.fromEntries(results.map(([name, passed]) => [name, passed ? 'ok' : 'failed']));
      throw new PublicError(503, 'not_ready', 'The gateway is not ready: see details.', details);
    },
  );
};

async function passes(check: () => Promise<unknown>, clock: Clock): Promise<boolean> {
  const patience = new AbortController();
  try {
    const late = sleep(clock, CHECK_TIMEOUT_MS, patience.signal).then(() => false);
    return await Promise.race([check().then(() => true), late]);
  } catch {
    return false;
  } finally {
    patience.abort();
  }
}
