import type { FastifyRequest } from 'fastify';
import { type Authentication, type SessionOwner, sessionSecretIn } from '../../accounts/index.js';
import { PublicError } from '../../platform/index.js';
import type { Guards } from '../server/guards.js';

/**
 * Returns the session of a request. Password, sessions and tokens are changed in a page only, not by a program whose
 * token may have leaked.
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
