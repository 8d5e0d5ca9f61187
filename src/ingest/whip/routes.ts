import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { type Clock, PublicError } from '../../platform/index.js';
import { parseRelayPath } from '../../streams/index.js';
import {
  type IceServers,
  type Offer,
  OfferLimit,
  type OfferRate,
  prepareSignalling,
  SignallingEndpoint,
} from '../../webrtc/index.js';
import { bearerKey } from './bearer-key.js';
import { encoderName } from './encoder-name.js';
import { CHALLENGE, PublisherRefused } from './refusal-answer.js';
import type { WebrtcPublication, WhipIngest } from './whip-ingest.js';

export type WhipRoutesOptions = {
  ingest: WhipIngest;
  iceServers: Pick<IceServers, 'links'>;
  clock: Clock;
  /** Path prefix of `/whip` in the URLs that clients use; empty by default. */
  basePath?: string;
  limits?: Partial<WhipLimits>;
};

export type WhipLimits = { sessions: number; offers: OfferRate };

const LIMITS: WhipLimits = { sessions: 1_000, offers: { burst: 20, refillMs: 500 } };
/** Spellings of the endpoint that people configure: `http://host//whip`, `http://host/whip/`. */
const PREFIXES = ['/whip', '//whip'];
const SUFFIXES = ['', '/'];

/**
 * WHIP (RFC 9725): `POST /whip` with the stream key as bearer token, or `POST /whip/:streamKey` for clients that cannot
 * send headers. Slashes too many and other forms of `Authorization` are understood. Logs contain route patterns instead of URLs, so that no key is logged.
 */
export const whipRoutes: FastifyPluginAsync<WhipRoutesOptions> = async (app, options) => {
  const { ingest, iceServers, clock, basePath } = options;
  const { sessions, offers } = { ...LIMITS, ...options.limits };
  const endpoint = new SignallingEndpoint<WebrtcPublication>({
    ...{ name: 'whip', iceServers, maximumSessions: sessions, clock, basePath },
    offers: new OfferLimit(clock, { ...offers, connecting: sessions }),
  });

  await app.register(async (scope) => {
    prepareSignalling(scope);
    for (const prefix of PREFIXES) for (const suffix of SUFFIXES) addOffers(scope, prefix, suffix);
    endpoint.addSessions(scope);
  });

  function addOffers(scope: FastifyInstance, prefix: string, suffix: string): void {
    endpoint.addOffers(scope, `${prefix}${suffix}`, {
      check: requireKey,
      open: (offer, request, reply) =>
        publish(offer, request, reply, bearerKey(request.headers.authorization) ?? ''),
    });
    endpoint.addOffers(scope, `${prefix}/:streamKey${suffix}`, {
      open: (offer, request, reply) => {
        const { streamKey } = request.params as { streamKey: string };
        return publish(offer, request, reply, streamKey);
      },
    });
  }

  async function publish(
    offer: Offer,
    request: FastifyRequest,
    reply: FastifyReply,
    streamKey: string,
  ): Promise<WebrtcPublication> {
    const encoder = encoderName(request.headers['user-agent'], request.body as string);
    try {
      const relayPath = parseRelayPath(request.headers['relay-path']);
      return await ingest.publish({ offer, streamKey, address: request.ip, encoder, relayPath });
    } catch (error) {
      if (error instanceof PublisherRefused) reply.headers(error.headers);
      throw error;
    }
  }
};

/** Runs before the body is read. @throws PublicError 401 `stream_key_missing` */
async function requireKey(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  if (bearerKey(request.headers.authorization) !== undefined) return;
  reply.header('www-authenticate', CHALLENGE);
  throw new PublicError(
    401,
    'stream_key_missing',
    'WHIP needs the stream key: Authorization: Bearer STREAM_KEY.',
  );
}
