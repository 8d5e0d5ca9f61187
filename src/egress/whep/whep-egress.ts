import { type Clock, type Logger, PublicError } from '../../platform/index.js';
import type { Broadcast, BroadcastSubscriber, BroadcastSubscription } from '../../streams/index.js';
import {
  type Offer,
  planViewer,
  type RtcVideoCodec,
  type ViewingPeer,
  type ViewOffer,
  type ViewOptions,
  type WebrtcPool,
  writeAnswer,
  writeViewerOffer,
} from '../../webrtc/index.js';
import { type ViewerSession, WebrtcViewerSession } from './viewer-session.js';
import { WhepBroadcast } from './whep-broadcast.js';

export type WhepEgressOptions = {
  pool: Pick<
    WebrtcPool,
    | 'view'
    | 'offerView'
    | 'receiveRtp'
    | 'receiveSlate'
    | 'setMediaSource'
    | 'forgetMedia'
    | 'closeViewerGroup'
  >;
  clock: Clock;
  log: Logger;
  /** Time that a WebRTC rendition continues after its last viewer has left, ms. */
  lingerMs?: number;
};

/** Offer made by the server. */
export type ViewerSessionOffer = {
  /** SDP. */
  readonly offer: string;
  /**
   * Takes the viewer's answer. Call at most once.
   *
   * @returns undefined when the broadcast has ended meanwhile.
   * @throws PublicError with the HTTP status of the refusal
   */
  accept(answer: Offer): Promise<ViewerSession | undefined>;
  /** Discards the offer. */
  close(): void;
};

export type OfferOptions = {
  /** The only video codec to offer; default: all. */
  codec?: RtcVideoCodec | undefined;
  /** The session is a restream, which is no viewer for counters. */
  isRestream?: boolean;
};

export type ViewRequest = { streamId: string; offer: Offer };

/** WebRTC egress: subscribes to every broadcast, sets the media source of its viewers, and opens viewer sessions. */
export type WhepEgress = BroadcastSubscriber & {
  /**
   * Opens a session on the broadcast of a stream, also while it starts or waits for its publisher: media begins when
   * the publisher's does.
   *
   * @returns undefined when the stream has no broadcast.
   * @throws PublicError 4xx for an offer that cannot be answered, 503 `webrtc_unavailable` without a worker
   */
  view(request: ViewRequest): Promise<ViewerSession | undefined>;
  /**
   * Makes an offer, for signalling in which the server offers. It expires after some seconds without an answer.
   *
   * @returns undefined when the stream has no broadcast.
   * @throws PublicError 503 `webrtc_unavailable`
   */
  offer(streamId: string, options?: OfferOptions): Promise<ViewerSessionOffer | undefined>;
  /** Number of connected WebRTC viewers of a stream. */
  viewers(streamId: string): number;
};

const LINGER_MS = 30_000;

export function createWhepEgress(options: WhepEgressOptions): WhepEgress {
  return new Egress(options);
}

class Egress implements WhepEgress {
  readonly name = 'whep';
  readonly #options: WhepEgressOptions;
  /** By stream ID. */
  readonly #broadcasts = new Map<string, WhepBroadcast>();

  constructor(options: WhepEgressOptions) {
    this.#options = options;
  }

  subscribe(broadcast: Broadcast): BroadcastSubscription {
    const { pool, clock, log, lingerMs = LINGER_MS } = this.#options;
    const whepBroadcast = new WhepBroadcast({ broadcast, pool, lingerMs, clock, log });
    this.#broadcasts.set(broadcast.streamId, whepBroadcast);
    return {
      publicationStarted: (source) => whepBroadcast.publicationStarted(source),
      testEnding: () => whepBroadcast.testEnding(),
      broadcastEnded: async (reason) => {
        if (this.#broadcasts.get(broadcast.streamId) === whepBroadcast)
          this.#broadcasts.delete(broadcast.streamId);
        await whepBroadcast.broadcastEnded(reason);
      },
    };
  }

  viewers(streamId: string): number {
    return this.#broadcasts.get(streamId)?.viewers ?? 0;
  }

  async view({ streamId, offer }: ViewRequest): Promise<ViewerSession | undefined> {
    return await this.#admit(streamId, offer, (options) => this.#options.pool.view(options));
  }

  async offer(
    streamId: string,
    { codec, isRestream = false }: OfferOptions = {},
  ): Promise<ViewerSessionOffer | undefined> {
    const whepBroadcast = this.#broadcasts.get(streamId);
    if (!whepBroadcast) return undefined;
    if (whepBroadcast.state === 'unavailable') throw broadcastUnavailable();
    let viewOffer: ViewOffer;
    try {
      viewOffer = await this.#options.pool.offerView();
    } catch (error) {
      throw this.#unavailable(streamId, error);
    }
    return {
      offer: writeViewerOffer(viewOffer.local, codec),
      accept: (answer) => this.#admit(streamId, answer, (options) => viewOffer.accept(options), isRestream),
      close: () => viewOffer.close(),
    };
  }

  /** @param offer the viewer's description: an offer or an answer. */
  async #admit(
    streamId: string,
    offer: Offer,
    negotiate: (options: ViewOptions) => Promise<ViewingPeer>,
    isRestream = false,
  ): Promise<ViewerSession | undefined> {
    const whepBroadcast = this.#broadcasts.get(streamId);
    if (!whepBroadcast) return undefined;
    const plan = { ...planViewer(offer), reportsSentBytes: isRestream };
    if (whepBroadcast.state === 'unavailable') throw broadcastUnavailable();
    const viewerGroupId = whepBroadcast.groupOf(plan);
    const release = whepBroadcast.expectViewer(viewerGroupId);
    try {
      const { id: broadcastId } = whepBroadcast.broadcast;
      let peer: ViewingPeer;
      try {
        peer = await negotiate({ viewerGroupId, remote: offer.transport, plan });
      } catch (error) {
        throw this.#unavailable(streamId, error);
      }
      const section = offer.media.findIndex(({ mid }) => mid !== undefined && mid === plan.video?.mid);
      const session = new WebrtcViewerSession({
        streamId,
        broadcastId,
        peer,
        answer: writeAnswer(offer, plan, peer.local),
        videoSection: section < 0 ? undefined : String(section),
      });
      whepBroadcast.addSession(session, viewerGroupId, !isRestream);
      return session;
    } finally {
      release();
    }
  }

  #unavailable(streamId: string, error: unknown): PublicError {
    this.#options.log.warn({ streamId, err: error }, 'WebRTC viewer refused: no worker available');
    return new PublicError(503, 'webrtc_unavailable', 'WebRTC is not available right now: try again.');
  }
}

function broadcastUnavailable(): PublicError {
  const message = 'This broadcast cannot be watched by WebRTC: watch it by HLS.';
  return new PublicError(503, 'webrtc_unavailable', message);
}
