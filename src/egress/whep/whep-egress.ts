import { type Clock, type Logger, PublicError } from '../../platform/index.js';
import type { Broadcast, BroadcastSubscriber, BroadcastSubscription } from '../../streams/index.js';
import {
  type Offer,
  planViewer,
  type ViewingPeer,
  type ViewOffer,
  type ViewOptions,
  type WebrtcPool,
  writeAnswer,
  writeViewerOffer,
} from '../../webrtc/index.js';
import { type Viewing, ViewingSession } from './viewing.js';
import { WhepBroadcast } from './whep-broadcast.js';

export type WhepEgressOptions = {
  pool: Pick<WebrtcPool, 'view' | 'offerView' | 'receiveRtp' | 'setMediaSource' | 'closeViewerGroup'>;
  clock: Clock;
  log: Logger;
  /** How long a realtime rendition goes on after the last viewer has left, in ms. */
  lingerMs?: number;
};

/** An offer of ours. */
export type ViewingOffer = {
  /** SDP. */
  readonly offer: string;
  /**
   * Takes the viewer's answer; once.
   *
   * @returns undefined when the broadcast is over meanwhile.
   * @throws PublicError as HTTP has them
   */
  accept(answer: Offer): Promise<Viewing | undefined>;
  /** There will be no answer. */
  close(): void;
};

export type ViewRequest = { streamId: string; offer: Offer };

/** Watching by WebRTC: a guest of every broadcast that keeps its channel in the SFU fed, and lets viewers in. */
export type WhepEgress = BroadcastSubscriber & {
  /**
   * Lets a viewer into a stream whose broadcast is under way, also while it starts or waits for its publisher: the
   * picture comes when there is one.
   *
   * @returns undefined when nothing is being broadcast.
   * @throws PublicError as HTTP has them: the offer does not do, there are no workers
   */
  view(request: ViewRequest): Promise<Viewing | undefined>;
  /**
   * For signalling in which the server offers: an offer that waits for the viewer's answer, for some seconds.
   *
   * @returns undefined when nothing is being broadcast.
   * @throws PublicError 503 `webrtc_unavailable`
   */
  offer(streamId: string): Promise<ViewingOffer | undefined>;
  /** How many watch a stream by WebRTC. */
  viewers(streamId: string): number;
};

const LINGER_MS = 30_000;

export function createWhepEgress(options: WhepEgressOptions): WhepEgress {
  return new Egress(options);
}

class Egress implements WhepEgress {
  readonly name = 'whep';
  readonly #options: WhepEgressOptions;
  /** By stream: what is being broadcast. */
  readonly #channels = new Map<string, WhepBroadcast>();

  constructor(options: WhepEgressOptions) {
    this.#options = options;
  }

  subscribe(broadcast: Broadcast): BroadcastSubscription {
    const { pool, clock, log, lingerMs = LINGER_MS } = this.#options;
    const channel = new WhepBroadcast({ broadcast, pool, lingerMs, clock, log });
    this.#channels.set(broadcast.streamId, channel);
    return {
      publicationStarted: (source) => channel.publicationStarted(source),
      broadcastEnded: async (reason) => {
        if (this.#channels.get(broadcast.streamId) === channel) this.#channels.delete(broadcast.streamId);
        await channel.broadcastEnded(reason);
      },
    };
  }

  viewers(streamId: string): number {
    return this.#channels.get(streamId)?.viewers ?? 0;
  }

  async view({ streamId, offer }: ViewRequest): Promise<Viewing | undefined> {
    return await this.#admit(streamId, offer, (options) => this.#options.pool.view(options));
  }

  async offer(streamId: string): Promise<ViewingOffer | undefined> {
    const channel = this.#channels.get(streamId);
    if (!channel) return undefined;
    if (channel.state === 'unavailable') throw notPresentable();
    let made: ViewOffer;
    try {
      made = await this.#options.pool.offerView();
    } catch (error) {
      throw this.#noWorker(streamId, error);
    }
    return {
      offer: writeViewerOffer(made.local),
      accept: (answer) => this.#admit(streamId, answer, (options) => made.accept(options)),
      close: () => made.close(),
    };
  }

  /** @param offer the viewer's side, be it their offer or their answer. */
  async #admit(
    streamId: string,
    offer: Offer,
    negotiate: (options: ViewOptions) => Promise<ViewingPeer>,
  ): Promise<Viewing | undefined> {
    const channel = this.#channels.get(streamId);
    if (!channel) return undefined;
    const plan = planViewer(offer);
    if (channel.state === 'unavailable') throw notPresentable();
    const arrived = channel.expect();
    try {
      const { id: broadcastId } = channel.broadcast;
      let peer: ViewingPeer;
      try {
        peer = await negotiate({ viewerGroupId: broadcastId, remote: offer.transport, plan });
      } catch (error) {
        throw this.#noWorker(streamId, error);
      }
      const section = offer.media.findIndex(({ mid }) => mid !== undefined && mid === plan.video?.mid);
      const viewing = new ViewingSession({
        streamId,
        broadcastId,
        peer,
        answer: writeAnswer(offer, plan, peer.local),
        videoSection: section < 0 ? undefined : String(section),
      });
      channel.add(viewing);
      return viewing;
    } finally {
      arrived();
    }
  }

  #noWorker(streamId: string, error: unknown): PublicError {
    this.#options.log.warn({ streamId, err: error }, 'the SFU took no viewer');
    return new PublicError(503, 'webrtc_unavailable', 'WebRTC is not available right now: try again.');
  }
}

function notPresentable(): PublicError {
  const message = 'This broadcast cannot be watched by WebRTC: watch it by HLS.';
  return new PublicError(503, 'webrtc_unavailable', message);
}
