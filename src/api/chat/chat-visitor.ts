import type { FastifyRequest } from 'fastify';
import type { Visitor } from '../../chat/index.js';
import type { Guards } from '../server/guards.js';

/** Converts a guarded request to the chat's `Visitor`. */
export function visitorOf(guards: Guards): (request: FastifyRequest) => Visitor {
  return (request) => ({ principal: guards.principal(request), address: request.ip });
}
