import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { type Clock, isUuid, PublicError, streamNotFound } from '../../platform/index.js';
import {
  BROADCAST_END,
  type JoinFailed,
  type Livestream,
  noteRefusal,
  type ViewerAdmission,
} from '../../streams/index.js';
import {
  type ConnectingEnd,
  type IceServers,
  type Offer,
  OfferLimit,
  prepareSignalling,
  SignallingEndpoint,
  VIEWER_OFFER_LIMITS,
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
  /** Takes refusals, and connections that could not be established. */
  joinFailed?: JoinFailed;
  /** Limits offers per address; shared with other ways of signalling. */
  offers?: OfferLimit;
};

const MAXIMUM_SESSIONS = 20_000;
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
  const { egress, admission, findLivestream, joinFailed, iceServers, clock, basePath } = options;
  const { offers = new OfferLimit(clock, VIEWER_OFFER_LIMITS) } = options;
  const endpoint = new SignallingEndpoint<ViewerSession>({
    ...{ name: 'whep', iceServers, maximumSessions: MAXIMUM_SESSIONS, offers, clock, basePath },
  });

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
    const admitted = admission.admit({
      streamId,
      token: typeof token === 'string' ? token : undefined,
      authorization,
      origin,
      address: request.ip,
    });
    const viewer = await noteRefusal(joinFailed, streamId, admitted);
    let end: ConnectingEnd | undefined;
    let session: ViewerSession | undefined;
    let viewed = false;
    try {
      end = offers.connecting(request.ip);
      session = await noteRefusal(joinFailed, streamId, egress.view({ streamId, offer }));
      viewed = true;
    } finally {
      if (!session) {
        end?.(viewed ? 'not-made' : 'failed');
        viewer.withdraw();
      }
    }
    if (!session) return await refuseOffline(streamId, reply);
    const opened = session;
    void opened.connected.then(() => end?.('established'));
    void opened.ended.then(({ reason }) => {
      end?.('failed');
      if (reason === 'never-connected') joinFailed?.(streamId, 'ice_failed');
    });
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
