import type { FastifyRequest } from 'fastify';
import { type Authentication, type SessionOwner, sessionSecretIn } from '../../accounts/index.js';
import { PublicError } from '../../platform/index.js';
import type { Guards } from '../server/guards.js';

/**
 * The session of a request that must have one: what opens the way to an account (its password, sessions and tokens) is
 * changed by its owner in a page, not by a program whose token may have got lost.
 *
 * @throws PublicError 403 `session_needed`
 */
export async function ownSession(
  request: FastifyRequest,
  guards: Pick<Guards, 'principal'>,
  sessions: Pick<Authentication['sessions'], 'owner'>,
): Promise<SessionOwner> {
  const principal = guards.principal(request);
  const secret = sessionSecretIn(request.headers.cookie);
  const owner =
    principal.kind === 'account' && principal.via === 'session' && secret !== undefined
      ? await sessions.owner(secret)
      : undefined;
  if (!owner)
    throw new PublicError(403, 'session_needed', 'This needs a session: sign in with name and password.');
  return owner;
}
