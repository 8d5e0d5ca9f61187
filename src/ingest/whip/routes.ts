import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { type Clock, PublicError } from '../../platform/index.js';
import {
  addMethods,
  addSessionResource,
  followUpLimit,
  type IceServers,
  OfferLimit,
  type OfferRate,
  offerOf,
  prepareSignalling,
  SDP_TYPE,
  SessionTable,
  sendAnswer,
} from '../../webrtc/index.js';
import { encoderName } from './encoder-name.js';
import { CHALLENGE, PublisherRefused } from './refusal-answer.js';
import type { WebrtcPublication, WhipIngest } from './whip-ingest.js';

export type WhipRoutesOptions = {
  ingest: WhipIngest;
  iceServers: Pick<IceServers, 'links'>;
  clock: Clock;
  /** What stands before `/whip` in the addresses that clients use; nothing by default. */
  basePath?: string;
  limits?: Partial<WhipLimits>;
};

export type WhipLimits = { sessions: number; offers: OfferRate };

const LIMITS: WhipLimits = { sessions: 1_000, offers: { burst: 20, refillMs: 500 } };
/** RFC 6750 section 2.1: `b64token`. */
const BEARER = /^Bearer +([A-Za-z0-9\-._~+/]+=*) *$/i;

/**
 * WHIP (RFC 9725): `POST /whip` with the stream key as bearer token, or `POST /whip/:streamKey` for clients that cannot
 * send headers. Keys never reach the log: only the patterns of routes do.
 */
export const whipRoutes: FastifyPluginAsync<WhipRoutesOptions> = async (app, options) => {
  const { ingest, iceServers, clock, basePath = '' } = options;
  const limits = { ...LIMITS, ...options.limits };
  const table = new SessionTable<WebrtcPublication>(limits.sessions);
  const offers = new OfferLimit(clock, limits.offers);

  await app.register(async (scope) => {
    prepareSignalling(scope);
    const schema = { hide: true };

    addMethods(scope, '/whip', ['POST'], SDP_TYPE);
    scope.post('/whip', { onRequest: [offers.hook, requireKey], schema }, async (request, reply) =>
      publish(request, reply, bearerOf(request) ?? ''),
    );
    addMethods(scope, '/whip/:streamKey', ['POST'], SDP_TYPE);
    scope.post<{ Params: { streamKey: string } }>(
      '/whip/:streamKey',
      { onRequest: offers.hook, schema },
      async (request, reply) => publish(request, reply, request.params.streamKey),
    );
    addSessionResource(scope, '/whip/session/:sessionId', table, followUpLimit(clock));
  });

  async function publish(
    request: FastifyRequest,
    reply: FastifyReply,
    streamKey: string,
  ): Promise<FastifyReply> {
    const offer = offerOf(request);
    try {
      const encoder = encoderName(request.headers['user-agent']);
      const session = await table.open(offer.transport, () =>
        ingest.publish({ offer, streamKey, address: request.ip, encoder }),
      );
      const { answer, streamId } = session.content;
      const path = `${basePath}/whip/session/${session.id}`;
      return sendAnswer(reply, session, path, answer, iceServers.links(streamId));
    } catch (error) {
      if (error instanceof PublisherRefused) reply.headers(error.headers);
      throw error;
    }
  }
};

/** Before the body is read. */
async function requireKey(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  if (bearerOf(request) !== undefined) return;
  reply.header('www-authenticate', CHALLENGE);
  throw new PublicError(
    401,
    'stream_key_missing',
    'WHIP needs the stream key: Authorization: Bearer STREAM_KEY.',
  );
}

function bearerOf(request: FastifyRequest): string | undefined {
  return BEARER.exec(request.headers.authorization ?? '')?.[1];
}
