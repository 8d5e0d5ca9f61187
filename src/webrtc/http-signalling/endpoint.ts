import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../../platform/index.js';
import type { IceServers } from '../ice-servers.js';
import type { Offer } from '../sdp/index.js';
import { followUpLimit, OfferLimit, type OfferRate } from './offer-limit.js';
import { type SessionContent, SessionTable } from './session-table.js';
import { addResource, addSessionResource, offerOf, SDP_TYPE, sendAnswer } from './signalling-routes.js';

/** Limits: concurrent sessions, and offers per client address. */
export type EndpointLimits = { sessions: number; offers: OfferRate };

export type EndpointOptions = {
  /** Path prefix: `whip` or `whep`. */
  name: string;
  iceServers: Pick<IceServers, 'links'>;
  limits: EndpointLimits;
  clock: Clock;
  /** Public path before `/NAME`; empty by default. */
  basePath?: string | undefined;
};

export type OfferRoute<T extends SessionContent> = {
  /**
   * Creates the content of a session from an offer.
   *
   * @throws PublicError for the client
   */
  open: (offer: Offer, request: FastifyRequest, reply: FastifyReply) => Promise<T>;
  /** Runs before the body is read. */
  check?: (request: FastifyRequest, reply: FastifyReply) => Promise<void>;
  /** Additional `Link` header values; `path` is that of the session. */
  links?: (path: string) => string[];
};

/** HTTP endpoint of WHIP and WHEP: sessions created by offers, their limits and URLs. */
export class SignallingEndpoint<T extends SessionContent> {
  readonly sessions: SessionTable<T>;
  /** Route pattern of sessions, with the parameter `sessionId`. */
  readonly sessionUrl: string;
  /** Rate limit of requests to sessions. */
  readonly followUps: OfferLimit;
  readonly basePath: string;
  readonly #offers: OfferLimit;
  readonly #iceServers: Pick<IceServers, 'links'>;

  constructor({ name, iceServers, limits, clock, basePath = '' }: EndpointOptions) {
    this.sessions = new SessionTable(limits.sessions);
    this.sessionUrl = `/${name}/session/:sessionId`;
    this.followUps = followUpLimit(clock);
    this.basePath = basePath;
    this.#offers = new OfferLimit(clock, limits.offers);
    this.#iceServers = iceServers;
  }

  /** Accepts offers by `POST` to `url`. Requires `prepareSignalling` on the scope. */
  addOffers(app: FastifyInstance, url: string, { open, check, links }: OfferRoute<T>): void {
    const onRequest = check ? [this.#offers.hook, check] : this.#offers.hook;
    addResource(
      app,
      url,
      ['POST'],
      SDP_TYPE,
    )('POST', onRequest, async (request, reply) => {
      const offer = offerOf(request);
      const session = await this.sessions.open(offer.transport, () => open(offer, request, reply));
      const { streamId } = session.content;
      const path = this.basePath + this.sessionUrl.replace(':sessionId', session.id);
      return sendAnswer(reply, session, path, [
        ...this.#iceServers.links(streamId),
        ...(links?.(path) ?? []),
      ]);
    });
  }

  /** Adds the session resource. Requires `prepareSignalling` on the scope. */
  addSessions(app: FastifyInstance): void {
    addSessionResource(app, this.sessionUrl, this.sessions, this.followUps);
  }
}
