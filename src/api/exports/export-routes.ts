import { Readable } from 'node:stream';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyPluginAsync } from 'fastify';
import {
  type Authentication,
  EXPORT_RENEWAL_MS,
  type ExportClaim,
  isAffected,
} from '../../accounts/index.js';
import { type Logger, messageOf, PublicError, RateLimit } from '../../platform/index.js';
import { AccountExport, ref } from '../contract.js';
import { errorSchemas } from '../server/error-response.js';
import { type Guards, READING_SECURITY } from '../server/guards.js';
import { type ExportSources, exportText } from './account-export.js';

export type ExportRoutesOptions = ExportSources & {
  authentication: Pick<Authentication, 'exportClaims' | 'onAccessChange'>;
  guards: Guards;
  log: Logger;
};

/** Exports per user: burst, then one per refill interval. */
const EXPORTS = { capacity: 5, refillMs: 5 * 60_000 };
/** Time after which an export to a slow client is cut off, ms. */
const MAXIMUM_MS = 30 * 60_000;
/** Bytes that wait for a client. */
const QUEUED_BYTES = 64 * 1024;

type Running = { userId: string; credentialId: string | undefined; body: Readable };

/** Sends a user's data. An export ends with the sign-in that started it. */
export const exportRoutes: FastifyPluginAsync<ExportRoutesOptions> = async (plain, options) => {
  const { authentication, guards, clock, log } = options;
  const { exportClaims } = authentication;
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const rate = new RateLimit(clock, EXPORTS);
  const running = new Set<Running>();
  authentication.onAccessChange((change) => {
    for (const one of running)
      if (isAffected(change, one)) one.body.destroy(new Error('the permission has ended'));
  });
  app.addHook('onClose', async () => {
    for (const { body } of running) body.destroy(new Error('the server is closing'));
  });

  app.get(
    '/api/auth/me/export',
    {
      exposeHeadRoute: false,
      onRequest: guards.signedIn,
      schema: {
        summary: 'Download the data of the own account',
        description:
          'One JSON object, sent as it is read: account, channel, livestreams with their keys, guests, moderators, bans and restream targets, recordings, clips and uploaded videos with their addresses, and written chat messages. Secrets are not in it. 409 `export_under_way` while another export of the account is sent.',
        tags: ['accounts'],
        security: READING_SECURITY,
        response: {
          200: ref(AccountExport),
          ...errorSchemas(401, 403, 409, 429, 500, 503),
        },
      },
    },
    async (request, reply) => {
      const userId = guards.userId(request);
      const principal = guards.principal(request);
      const waitMs = rate.take(userId);
      if (waitMs > 0)
        throw new PublicError(429, 'rate_limited', 'Too many exports: wait and try again.', {
          retryAfter: Math.ceil(waitMs / 1_000),
        });
      const credentialId = principal.kind === 'account' ? principal.credentialId : undefined;
      const body = open({ userId, credentialId });
      const claim = await exportClaims.take(userId).catch((error: unknown) => {
        body.destroy();
        throw error;
      });
      if (claim) keep(claim, body);
      // The sign-in may have ended while the database was asked.
      if (body.destroyed)
        throw new PublicError(401, 'auth_revoked', 'Your sign-in has ended: sign in again.');
      if (!claim) {
        body.destroy();
        throw new PublicError(
          409,
          'export_under_way',
          'Another export of your account is being sent: wait until it has ended.',
        );
      }
      return reply
        .headers({
          'content-type': 'application/json; charset=utf-8',
          'content-disposition': 'attachment; filename="headend-account.json"',
          'cache-control': 'no-store',
          // Without buffering, nginx would read ahead of a slow client.
          'x-accel-buffering': 'no',
        })
        .send(body as never);
    },
  );

  /** Opens an export, which ends with the sign-in. */
  function open(by: Omit<Running, 'body'>): Readable {
    const text = exportText(by.userId, options);
    const body = Readable.from(text, { objectMode: false, highWaterMark: QUEUED_BYTES });
    const one = { ...by, body };
    running.add(one);
    body.once('error', (error) => log.warn({ err: error }, `an export was cut off: ${messageOf(error)}`));
    body.once('close', () => running.delete(one));
    return body;
  }

  /** Keeps the claim of an export until its body is closed. */
  function keep(claim: ExportClaim, body: Readable): void {
    const closing = new AbortController();
    const end = (): void => {
      closing.abort();
      // After a failure the claim expires.
      exportClaims
        .release(claim)
        .catch((error: unknown) => log.warn({ err: error }, 'the claim of an export could not be released'));
    };
    if (body.closed) {
      end();
      return;
    }
    body.once('close', end);
    clock.every(
      EXPORT_RENEWAL_MS,
      () =>
        void exportClaims.renew(claim).then(
          (isMine) => isMine || body.destroy(new Error('the claim was lost')),
          (error: unknown) => body.destroy(error as Error),
        ),
      closing.signal,
    );
    clock.after(MAXIMUM_MS, () => body.destroy(new Error('the client is too slow')), closing.signal);
  }
};
