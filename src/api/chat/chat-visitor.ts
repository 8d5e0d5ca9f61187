import type { FastifyRequest } from 'fastify';
import type { Visitor } from '../../chat/index.js';
import type { Guards } from '../server/guards.js';

/** Makes of a request, behind one of the guards, who asks as chat sees it. */
export function visitorOf(guards: Guards): (request: FastifyRequest) => Visitor {
  return (request) => ({ principal: guards.principal(request), address: request.ip });
}
