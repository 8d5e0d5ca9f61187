import { newId, PublicError } from '../platform/index.js';
import { type IceServer, type Layer, type Offer, parseOffer, type ViewerEvent } from '../webrtc/index.js';

/** A viewer connection of the WHEP egress. */
export type ServiceViewing = {
  readonly streamId: string;
  /** SDP. */
  readonly answer: string;
  readonly layers: readonly Layer[];
  /** Resolves when the connection is established. */
  readonly connected: Promise<void>;
  readonly ended: Promise<{ name: 'end' | 'reconnect'; reason: string; message: string }>;
  listen(listener: (event: ViewerEvent | { type: 'viewercount'; viewers: number }) => void): () => void;
  selectLayer(rid: string | undefined): void;
  leave(): void;
};

/** A server offer of the WHEP egress. */
export type ServiceOffer = {
  /** SDP. */
  readonly offer: string;
  accept(answer: Offer): Promise<ServiceViewing | undefined>;
  close(): void;
};

/** A viewer's connection; negotiated once, by an offer of either side. */
export type PeerConnection = {
  readonly id: string;
  readonly streamId: string;
  readonly userId: string;
  readonly iceServers: IceServer[];
  /**
   * Creates an offer (SDP), which the viewer must answer within some seconds.
   *
   * @throws PublicError 409 `stream_offline`, 503 `webrtc_unavailable`
   */
  createOffer(): Promise<string>;
  /** Accepts the viewer's answer (SDP) to `createOffer`. @throws PublicError as `answer`, 409 `no_offer` */
  acceptAnswer(answer: string): Promise<ServiceViewing>;
  /**
   * Answers the viewer's offer (SDP).
   *
   * @throws PublicError 400 `sdp_invalid` …, 406 `no_common_codec`, 409 `stream_offline`, 503 `webrtc_unavailable`
   */
  answer(offer: string): Promise<ServiceViewing>;
  close(): void;
};

/** Access to the WHEP egress and the ICE servers. */
export type ViewerConnectionContext = {
  view(request: { streamId: string; offer: Offer }): Promise<ServiceViewing | undefined>;
  offer(streamId: string): Promise<ServiceOffer | undefined>;
  iceServers: { list(user?: string): IceServer[] };
};

export class ViewerConnection implements PeerConnection {
  readonly id = newId();
  readonly streamId: string;
  readonly userId: string;
  readonly iceServers: IceServer[];
  readonly #context: ViewerConnectionContext;
  #state: 'new' | 'offering' | 'used' = 'new';
  #offer: ServiceOffer | undefined;
  #viewing: ServiceViewing | undefined;
  #closed = false;

  constructor(streamId: string, userId: string, context: ViewerConnectionContext) {
    this.streamId = streamId;
    this.userId = userId;
    this.#context = context;
    this.iceServers = context.iceServers.list(userId);
  }

  async createOffer(): Promise<string> {
    this.#leaveState('new', 'offering');
    const offer = await this.#context.offer(this.streamId);
    if (!offer) throw offline();
    if (this.#closed) offer.close();
    this.#offer = offer;
    return offer.offer;
  }

  async acceptAnswer(answer: string): Promise<ServiceViewing> {
    const parsed = parseOffer(answer);
    if (!this.#offer || this.#state !== 'offering')
      throw new PublicError(409, 'no_offer', 'This connection has no open offer: call createOffer first.');
    this.#state = 'used';
    return this.#viewingOpened(await this.#offer.accept(parsed));
  }

  async answer(offer: string): Promise<ServiceViewing> {
    this.#leaveState('new', 'used');
    return this.#viewingOpened(
      await this.#context.view({ streamId: this.streamId, offer: parseOffer(offer) }),
    );
  }

  close(): void {
    this.#closed = true;
    if (this.#state === 'offering') this.#offer?.close();
    this.#viewing?.leave();
  }

  #viewingOpened(viewing: ServiceViewing | undefined): ServiceViewing {
    if (!viewing) throw offline();
    this.#viewing = viewing;
    if (this.#closed) viewing.leave();
    return viewing;
  }

  #leaveState(from: 'new', to: 'offering' | 'used'): void {
    if (this.#state !== from)
      throw new PublicError(
        409,
        'already_negotiated',
        'This connection is negotiated already: create another one.',
      );
    this.#state = to;
  }
}

function offline(): PublicError {
  return new PublicError(409, 'stream_offline', 'The livestream is not live at the moment: try again.');
}
