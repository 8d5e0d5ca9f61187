import { type Clock, type Logger, PublicError } from '../../platform/index.js';
import type { Broadcast, BroadcastGuest, BroadcastVisit } from '../../streams/index.js';
import {
  type Offer,
  planViewer,
  type ViewingPeer,
  type WebrtcPool,
  writeAnswer,
} from '../../webrtc/index.js';
import { Channel } from './channel.js';
import { type Viewing, ViewingSession } from './viewing.js';

export type RealtimeEgressOptions = {
  pool: Pick<WebrtcPool, 'view' | 'receiveRtp' | 'setFeed' | 'closeChannel'>;
  clock: Clock;
  log: Logger;
  /** How long a realtime rendition goes on after the last viewer has left, in ms. */
  lingerMs?: number;
};

export type ViewRequest = { streamId: string; offer: Offer };

/** Watching by WebRTC: a guest of every broadcast that keeps its channel in the SFU fed, and lets viewers in. */
export type RealtimeEgress = BroadcastGuest & {
  /**
   * Lets a viewer into a stream whose broadcast is under way, also while it starts or waits for its publisher: the
   * picture comes when there is one.
   *
   * @returns undefined when nothing is being broadcast.
   * @throws PublicError as HTTP has them: the offer does not do, there are no workers
   */
  view(request: ViewRequest): Promise<Viewing | undefined>;
  /** How many watch a stream by WebRTC. */
  viewers(streamId: string): number;
};

const LINGER_MS = 30_000;

export function createRealtimeEgress(options: RealtimeEgressOptions): RealtimeEgress {
  return new Egress(options);
}

class Egress implements RealtimeEgress {
  readonly name = 'whep';
  readonly #options: RealtimeEgressOptions;
  /** By stream: what is being broadcast. */
  readonly #channels = new Map<string, Channel>();

  constructor(options: RealtimeEgressOptions) {
    this.#options = options;
  }

  visit(broadcast: Broadcast): BroadcastVisit {
    const { pool, clock, log, lingerMs = LINGER_MS } = this.#options;
    const channel = new Channel({ broadcast, pool, lingerMs, clock, log });
    this.#channels.set(broadcast.streamId, channel);
    return {
      published: (source) => channel.published(source),
      ended: async (reason) => {
        if (this.#channels.get(broadcast.streamId) === channel) this.#channels.delete(broadcast.streamId);
        await channel.ended(reason);
      },
    };
  }

  viewers(streamId: string): number {
    return this.#channels.get(streamId)?.viewers ?? 0;
  }

  async view({ streamId, offer }: ViewRequest): Promise<Viewing | undefined> {
    const channel = this.#channels.get(streamId);
    if (!channel) return undefined;
    const plan = planViewer(offer);
    if (channel.state === 'unavailable')
      throw unavailable('This broadcast cannot be watched by WebRTC: watch it by HLS.');
    const arrived = channel.expect();
    try {
      const { id: broadcastId } = channel.broadcast;
      let peer: ViewingPeer;
      try {
        peer = await this.#options.pool.view({
          channelId: broadcastId,
          remote: offer.transport,
          plan,
        });
      } catch (error) {
        this.#options.log.warn({ streamId, err: error }, 'the SFU took no viewer');
        throw unavailable('WebRTC is not available right now: try again.');
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
}

function unavailable(message: string): PublicError {
  return new PublicError(503, 'webrtc_unavailable', message);
}
