import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { AddressQuota, type Clock, isUuid, PublicError } from '../../platform/index.js';
import { BROADCAST_END, type Livestream, type ViewerAdmission } from '../../streams/index.js';
import {
  type EndpointLimits,
  type IceServers,
  type Offer,
  prepareSignalling,
  SignallingEndpoint,
} from '../../webrtc/index.js';
import { EVENT_NAMES } from './event-subscription.js';
import { addExtensions } from './extension-routes.js';
import type { Viewing } from './viewing.js';
import type { WhepEgress } from './whep-egress.js';

export type WhepRoutesOptions = {
  egress: Pick<WhepEgress, 'view'>;
  /** Decides who may watch. */
  gate: Pick<ViewerAdmission, 'admit'>;
  /** Asked only for streams of which nothing is being broadcast. */
  find: (streamId: string) => Promise<Pick<Livestream, 'endReason'> | undefined>;
  iceServers: Pick<IceServers, 'links'>;
  clock: Clock;
  /** What stands before `/whep` in the addresses that clients use; nothing by default. */
  basePath?: string;
  limits?: Partial<WhepLimits>;
};

export type WhepLimits = EndpointLimits & {
  /** Sessions of an address (IPv6: /64 network) whose connection is not established yet. */
  pendingPerAddress: number;
};

/** A school or an office is one address: many of its viewers may come at the same moment. */
const LIMITS: WhepLimits = {
  sessions: 20_000,
  offers: { burst: 100, refillMs: 100 },
  pendingPerAddress: 64,
};
/** Seconds after which a viewer may ask again whether a stream is live. */
const RETRY_AFTER_S = 5;
const EXTENSION = 'urn:ietf:params:whep:ext:core:';

/**
 * WHEP (draft-ietf-wish-whep): `POST /whep/:streamId` with an offer, and the extensions for layers and events.
 *
 * A stream of which nothing is being broadcast answers 409 with `Retry-After`, as the draft says of publications that
 * are not under way; 404 means that waiting won't help: there is no such stream, or it is over for good. A broadcast
 * that starts, or waits for its publisher, lets viewers in: they are connected when the picture comes.
 */
export const whepRoutes: FastifyPluginAsync<WhepRoutesOptions> = async (app, options) => {
  const { egress, gate, find, iceServers, clock, basePath } = options;
  const limits = { ...LIMITS, ...options.limits };
  const endpoint = new SignallingEndpoint<Viewing>({
    ...{ name: 'whep', iceServers, limits, clock, basePath },
  });

  const pending = new AddressQuota(limits.pendingPerAddress);

  await app.register(async (scope) => {
    prepareSignalling(scope);
    endpoint.addOffers(scope, '/whep/:streamId', {
      open: view,
      links: (path) => [
        `<${path}/layer>; rel="${EXTENSION}layer"`,
        `<${path}/events>; rel="${EXTENSION}server-sent-events"; events="${EVENT_NAMES.join(',')}"`,
      ],
    });
    endpoint.addSessions(scope);
  });

  await app.register(async (scope) => {
    prepareSignalling(scope);
    addExtensions(scope, { endpoint, clock });
  });

  async function view(offer: Offer, request: FastifyRequest, reply: FastifyReply): Promise<Viewing> {
    const { streamId } = request.params as { streamId: string };
    if (!isUuid(streamId)) throw notFound();
    const { v: token } = request.query as { v?: unknown };
    const { authorization, origin } = request.headers;
    const viewer = await gate.admit({
      streamId,
      token: typeof token === 'string' ? token : undefined,
      authorization,
      origin,
      address: request.ip,
    });
    const established = pending.take(request.ip);
    if (!established) {
      viewer.withdraw();
      const message = 'Too many connections from your address are being made: wait and try again.';
      throw new PublicError(429, 'rate_limited', message, { retryAfter: RETRY_AFTER_S });
    }
    let viewing: Viewing | undefined;
    try {
      viewing = await egress.view({ streamId, offer });
    } finally {
      if (!viewing) {
        established();
        viewer.withdraw();
      }
    }
    if (!viewing) return await refuse(streamId, reply);
    const watched = viewing;
    void Promise.race([watched.connected, watched.ended]).then(established);
    void watched.ended.then(viewer.hold('whep', () => watched.dismiss(), watched.connected));
    return watched;
  }

  /** Nothing is being broadcast. */
  async function refuse(streamId: string, reply: FastifyReply): Promise<never> {
    const livestream = await find(streamId);
    const end = livestream?.endReason ?? undefined;
    if (!livestream || (end !== undefined && !BROADCAST_END[end].reopens)) throw notFound();
    reply.header('retry-after', RETRY_AFTER_S);
    throw new PublicError(409, 'stream_offline', 'The livestream is not live at the moment: try again.');
  }
};

function notFound(): PublicError {
  return new PublicError(404, 'stream_not_found', 'There is no such livestream, or it is over.');
}
