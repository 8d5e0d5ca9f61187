import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { AddressQuota, type Clock, isUuid, PublicError, streamNotFound } from '../../platform/index.js';
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
import type { ViewerSession } from './viewer-session.js';
import type { WhepEgress } from './whep-egress.js';

export type WhepRoutesOptions = {
  egress: Pick<WhepEgress, 'view'>;
  /** Admits viewers. */
  admission: Pick<ViewerAdmission, 'admit'>;
  /** Looks a livestream up; called only for streams without a broadcast. */
  findLivestream: (streamId: string) => Promise<Pick<Livestream, 'endReason'> | undefined>;
  iceServers: Pick<IceServers, 'links'>;
  clock: Clock;
  /** Path prefix of `/whep` in the URLs that clients use; empty by default. */
  basePath?: string;
  limits?: Partial<WhepLimits>;
};

export type WhepLimits = EndpointLimits & {
  /** Sessions per address (IPv6: /64 network) whose connection is not established yet. */
  pendingPerAddress: number;
};

/** Allows for many viewers behind one address, such as a school or an office. */
const LIMITS: WhepLimits = {
  sessions: 20_000,
  offers: { burst: 100, refillMs: 100 },
  pendingPerAddress: 64,
};
const RETRY_AFTER_S = 5;
const UNKNOWN_OR_OVER = 'There is no such livestream, or it is over.';
const EXTENSION = 'urn:ietf:params:whep:ext:core:';

/**
 * WHEP (draft-ietf-wish-whep): `POST /whep/:streamId` with an offer, and the extensions for layers and events.
 *
 * Answers 409 with `Retry-After` while a stream has no broadcast, as the draft requires, and 404 when retrying cannot
 * succeed: the stream is unknown or has ended. A broadcast that is starting or waits for its publisher accepts viewers;
 * their media begins when the publisher's does.
 */
export const whepRoutes: FastifyPluginAsync<WhepRoutesOptions> = async (app, options) => {
  const { egress, admission, findLivestream, iceServers, clock, basePath } = options;
  const limits = { ...LIMITS, ...options.limits };
  const endpoint = new SignallingEndpoint<ViewerSession>({
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

  async function view(offer: Offer, request: FastifyRequest, reply: FastifyReply): Promise<ViewerSession> {
    const { streamId } = request.params as { streamId: string };
    if (!isUuid(streamId)) throw streamNotFound(UNKNOWN_OR_OVER);
    const { v: token } = request.query as { v?: unknown };
    const { authorization, origin } = request.headers;
    const viewer = await admission.admit({
      streamId,
      token: typeof token === 'string' ? token : undefined,
      authorization,
      origin,
      address: request.ip,
    });
    const established = pending.take(request.ip);
    if (!established) {
      viewer.withdraw();
      const message = 'Too many connections from your address are being established: wait and try again.';
      throw new PublicError(429, 'rate_limited', message, { retryAfter: RETRY_AFTER_S });
    }
    let session: ViewerSession | undefined;
    try {
      session = await egress.view({ streamId, offer });
    } finally {
      if (!session) {
        established();
        viewer.withdraw();
      }
    }
    if (!session) return await refuseOffline(streamId, reply);
    const opened = session;
    void Promise.race([opened.connected, opened.ended]).then(established);
    void opened.ended.then(viewer.hold('whep', () => opened.dismiss(), opened.connected));
    return opened;
  }

  /** @throws PublicError 409 while the stream may go live, 404 otherwise */
  async function refuseOffline(streamId: string, reply: FastifyReply): Promise<never> {
    const livestream = await findLivestream(streamId);
    const end = livestream?.endReason ?? undefined;
    if (!livestream || (end !== undefined && !BROADCAST_END[end].reopens))
      throw streamNotFound(UNKNOWN_OR_OVER);
    reply.header('retry-after', RETRY_AFTER_S);
    throw new PublicError(409, 'stream_offline', 'The livestream is not live at the moment: try again.');
  }
};
