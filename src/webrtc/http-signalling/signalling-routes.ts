// Declares the type of `schema.hide`.
import type {} from '@fastify/swagger';
import type {
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  HTTPMethods,
  onRequestAsyncHookHandler,
  RouteHandlerMethod,
} from 'fastify';
import { PublicError } from '../../platform/index.js';
import { SDP_LIMITS } from '../sdp/grammar.js';
import { type Offer, parseOffer, parseTrickleFragment } from '../sdp/index.js';
import type { SessionRequestLimit } from './offer-limit.js';
import type { SessionContent, SessionTable, SignallingSession } from './session-table.js';

export const SDP_TYPE = 'application/sdp';
const FRAGMENT_TYPE = 'application/trickle-ice-sdpfrag';
const PREFLIGHT_S = 86_400;
const REQUEST_HEADERS = 'Authorization, Content-Type, If-Match';
const RESPONSE_HEADERS = 'Location, ETag, Link, Accept-Patch, Retry-After';
const ALL_METHODS: HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

/**
 * Prepares a scope for WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep): CORS for every origin (no cookies are used),
 * no caching, and text bodies of the types that routes take.
 */
export function prepareSignalling(app: FastifyInstance): void {
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers({
      'access-control-allow-origin': '*',
      'access-control-expose-headers': RESPONSE_HEADERS,
      'cross-origin-resource-policy': 'cross-origin',
      'cache-control': 'no-store',
    });
  });
  app.removeAllContentTypeParsers();
  const options = { parseAs: 'string', bodyLimit: SDP_LIMITS.bytes } as const;
  app.addContentTypeParser(
    [SDP_TYPE, FRAGMENT_TYPE],
    options,
    async (_request: unknown, body: string) => body,
  );
  app.addContentTypeParser('*', async (request: FastifyRequest) => {
    throw wrongType(request.method === 'PATCH' ? FRAGMENT_TYPE : SDP_TYPE);
  });
}

/** Parses the offer in the body. @throws PublicError 400, 413 or 415 */
export function offerOf(request: FastifyRequest): Offer {
  return parseOffer(textOf(request, SDP_TYPE));
}

/**
 * Sends the answer: 201 with the session's `Location` (RFC 9725 section 4.2).
 *
 * @param path of the session, from the root of the server.
 * @param links values of `Link` headers.
 */
export function sendAnswer(
  reply: FastifyReply,
  session: SignallingSession<SessionContent>,
  path: string,
  links: string[],
): FastifyReply {
  reply.code(201).headers({
    'content-type': SDP_TYPE,
    location: path,
    etag: session.etag,
    'accept-patch': FRAGMENT_TYPE,
  });
  if (links.length > 0) reply.header('link', links);
  return reply.send(session.content.answer);
}

type Hooks = onRequestAsyncHookHandler | onRequestAsyncHookHandler[];

/**
 * Adds a resource: answers `OPTIONS`, and other methods than `methods` with 405.
 *
 * @returns adds the handler of one of the methods; `onRequest` runs before the body is read
 */
export function addResource<Method extends HTTPMethods>(
  app: FastifyInstance,
  url: string,
  methods: Method[],
  accepts?: string,
): (method: Method, onRequest: Hooks, handler: RouteHandlerMethod) => void {
  const allow = [...methods, 'OPTIONS'].join(', ');
  app.options(url, { schema: { hide: true } }, async (_request, reply) => {
    if (accepts !== undefined) reply.header('accept-post', accepts);
    return reply
      .code(204)
      .headers({
        allow,
        'access-control-allow-methods': allow,
        'access-control-allow-headers': REQUEST_HEADERS,
        'access-control-max-age': PREFLIGHT_S,
      })
      .send();
  });
  app.route({
    method: ALL_METHODS.filter((method) => !(methods as HTTPMethods[]).includes(method)),
    url,
    schema: { hide: true },
    // Rejects before the body is read.
    onRequest: async (request, reply) => {
      reply.header('allow', allow);
      throw new PublicError(
        405,
        'method_not_allowed',
        `${request.method} is not supported here: see the Allow header.`,
      );
    },
    handler: async () => undefined,
  });
  return (method, onRequest, handler) =>
    void app.route({ method, url, onRequest, schema: { hide: true }, handler });
}

/** Adds `PATCH` (candidates) and `DELETE` of a session. `url` has a parameter `sessionId`. */
export function addSessionResource<T extends SessionContent>(
  app: FastifyInstance,
  url: string,
  table: SessionTable<T>,
  limit: SessionRequestLimit,
): void {
  const add = addResource(app, url, ['PATCH', 'DELETE']);

  add('PATCH', limit.hook, async (request, reply) => {
    const session = sessionOf(request, table);
    const text = textOf(request, FRAGMENT_TYPE);
    const wanted = request.headers['if-match'];
    if (wanted === undefined)
      throw new PublicError(428, 'if_match_required', 'PATCH needs If-Match with the ETag of the session.');
    const isAny = wanted.replaceAll('"', '').trim() === '*';
    if (!isAny && !wanted.split(',').some((tag) => tag.trim() === session.etag))
      throw new PublicError(
        412,
        'etag_mismatch',
        'If-Match does not match the current ICE session: use the latest ETag.',
      );
    const { iceUfrag } = parseTrickleFragment(text);
    if (iceUfrag !== undefined && iceUfrag !== session.remoteUfrag)
      throw new PublicError(
        422,
        'ice_restart_unsupported',
        'ICE cannot be restarted: make a new session by POST.',
      );
    // Candidates are ignored: the client's connectivity checks reveal its address, and a candidate could name any
    // address inside our network.
    return reply.code(204).header('etag', session.etag).send();
  });

  add('DELETE', [], async (request, reply) => {
    table.leave(sessionOf(request, table));
    return reply.code(200).send();
  });
}

/** Returns the session of a request. @throws PublicError 404 or 410 */
export function sessionOf<T extends SessionContent>(
  request: FastifyRequest,
  table: SessionTable<T>,
): SignallingSession<T> {
  const { sessionId } = request.params as { sessionId?: string };
  return table.get(sessionId ?? '');
}

function textOf(request: FastifyRequest, type: string): string {
  const sent = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase();
  if (sent !== type) throw wrongType(type);
  if (typeof request.body !== 'string' || request.body === '')
    throw new PublicError(400, 'body_invalid', 'The body must not be empty.');
  return request.body;
}

function wrongType(type: string): PublicError {
  return new PublicError(415, 'unsupported_media_type', `The body must be of Content-Type: ${type}.`);
}
