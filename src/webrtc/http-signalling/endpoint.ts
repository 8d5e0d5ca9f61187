import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../../platform/index.js';
import type { IceServers } from '../ice-servers.js';
import type { Offer } from '../sdp/index.js';
import { followUpLimit, OfferLimit, type OfferRate } from './offer-limit.js';
import { type SessionContent, SessionTable } from './session-table.js';
import { addMethods, addSessionResource, offerOf, SDP_TYPE, sendAnswer } from './signalling-routes.js';

/** How many sessions there may be at once, and how many offers an address may make. */
export type EndpointLimits = { sessions: number; offers: OfferRate };

export type EndpointOptions = {
  /** What its addresses begin with: `whip` or `whep`. */
  name: string;
  iceServers: Pick<IceServers, 'links'>;
  limits: EndpointLimits;
  clock: Clock;
  /** What stands before `/NAME` in the addresses that clients use; nothing by default. */
  basePath?: string | undefined;
};

export type OfferRoute<T extends SessionContent> = {
  /**
   * Makes of an offer what a session is about.
   *
   * @throws PublicError for the client
   */
  open: (offer: Offer, request: FastifyRequest, reply: FastifyReply) => Promise<T>;
  /** Runs before the body is read. */
  check?: (request: FastifyRequest, reply: FastifyReply) => Promise<void>;
  /** Values of `Link` headers beside those of the ICE servers; `path` is the session's address. */
  links?: (path: string) => string[];
};

/** What WHIP and WHEP have in common over HTTP: offers that become sessions, their limits and their addresses. */
export class SignallingEndpoint<T extends SessionContent> {
  readonly sessions: SessionTable<T>;
  /** The pattern of the sessions' addresses, with the parameter `sessionId`. */
  readonly sessionUrl: string;
  /** For requests to sessions. */
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

  /** Takes offers by `POST` to `url`. The scope must have been prepared for signalling. */
  addOffers(app: FastifyInstance, url: string, { open, check, links }: OfferRoute<T>): void {
    addMethods(app, url, ['POST'], SDP_TYPE);
    const onRequest = check ? [this.#offers.hook, check] : this.#offers.hook;
    app.post(url, { onRequest, schema: { hide: true } }, async (request, reply) => {
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

  /** What clients do with their sessions. The scope must have been prepared for signalling. */
  addSessions(app: FastifyInstance): void {
    addSessionResource(app, this.sessionUrl, this.sessions, this.followUps);
  }
}
