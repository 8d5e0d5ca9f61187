import type { FastifyRequest } from 'fastify';
import type { Credentials } from '../accounts/index.js';

/** Returns the credentials in the headers of a connection request. */
export function credentialsOf(request: FastifyRequest): Credentials {
  const { authorization, cookie, origin } = request.headers;
  return { method: 'GET', authorization, cookie, origin, host: request.host, address: request.ip };
}
