import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../../platform/index.js';
import type { IceServers } from '../ice-servers.js';
import type { Offer } from '../sdp/index.js';
import { type OfferLimit, SessionRequestLimit } from './offer-limit.js';
import { type SessionContent, SessionTable } from './session-table.js';
import { addResource, addSessionResource, offerOf, SDP_TYPE, sendAnswer } from './signalling-routes.js';

export type EndpointOptions = {
  /** Path prefix: `whip` or `whep`. */
  name: string;
  iceServers: Pick<IceServers, 'links'>;
  /** Maximum of concurrent sessions. */
  maximumSessions: number;
  /** Limits offers per address. */
  offers: OfferLimit;
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
  readonly requestLimit: SessionRequestLimit;
  readonly basePath: string;
  readonly #offers: OfferLimit;
  readonly #iceServers: Pick<IceServers, 'links'>;

  constructor({ name, iceServers, maximumSessions, offers, clock, basePath = '' }: EndpointOptions) {
    this.sessions = new SessionTable(maximumSessions);
    this.sessionUrl = `/${name}/session/:sessionId`;
    this.requestLimit = new SessionRequestLimit(clock, maximumSessions, (id) => this.sessions.has(id));
    this.basePath = basePath;
    this.#offers = offers;
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
    addSessionResource(app, this.sessionUrl, this.sessions, this.requestLimit);
  }
}
