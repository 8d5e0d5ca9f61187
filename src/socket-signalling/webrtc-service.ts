import { isUuid, streamNotFound } from '../platform/index.js';
import type { Livestream, Livestreams, PublisherCredential, StreamStatus } from '../streams/index.js';
import { type IceServer, type Offer, parseOffer } from '../webrtc/index.js';
import {
  type PeerConnection,
  type ServiceOffer,
  type ServiceViewing,
  ViewerConnection,
} from './viewer-connection.js';

/** A publisher connection of the WHIP ingest. */
export type ServicePublication = {
  readonly streamId: string;
  /** SDP. */
  readonly answer: string;
  readonly peer: { readonly closed: Promise<unknown> };
  leave(): void;
};

/** A request to publish, by a stream key or by a sign-in that the caller has checked. */
export type PublishRequest = PublisherCredential & {
  /** The network address, without a port. */
  address: string;
  encoder?: string | undefined;
};

export type StreamConfig = { title: string; description?: string; recordingEnabled?: boolean };

export type WebrtcServiceOptions = {
  /** @throws PublicError */
  publish(request: PublishRequest & { offer: Offer }): Promise<ServicePublication>;
  /** @throws PublicError */
  view(request: { streamId: string; offer: Offer }): Promise<ServiceViewing | undefined>;
  /** Creates an offer to a viewer. @throws PublicError */
  offer(streamId: string): Promise<ServiceOffer | undefined>;
  /** Number of WebRTC viewers of a stream. */
  viewers(streamId: string): number;
  /** Creates a livestream and its stream key. */
  create(userId: string, config: StreamConfig): Promise<{ streamId: string; streamKey: string }>;
  livestreams: Pick<Livestreams, 'find' | 'listActive'>;
  streams: {
    status(streamId: string): StreamStatus;
    /** @returns false when there is no such livestream. */
    endLivestream(streamId: string, reason: 'ended-by-owner'): Promise<boolean>;
  };
  iceServers: { list(user?: string): IceServer[] };
};

export type JoinedStream = {
  streamId: string;
  iceServers: IceServer[];
  state: StreamStatus['state']['name'];
  viewers: number;
  connection: PeerConnection;
};

export type StartedBroadcast = {
  streamId: string;
  streamKey: string;
  iceServers: IceServer[];
  /** Answers the broadcaster's offer (SDP). @throws PublicError */
  answer(offer: string, address: string): Promise<ServicePublication>;
};

export type ActiveStream = {
  streamId: string;
  userId: string | null;
  title: string;
  startedAt: Date | null;
  state: StreamStatus['state']['name'];
  viewers: number;
};

export type StreamStats = StreamStatus & { streamId: string; startedAt: Date | null; viewers: number };

/** Streams of one database query. */
const PAGE = 100;

/**
 * Offers WebRTC streaming to code in this process, under the names of the host platform. The caller has authenticated the
 * user.
 */
export class WebrtcService {
  readonly #options: WebrtcServiceOptions;

  constructor(options: WebrtcServiceOptions) {
    this.#options = options;
  }

  /** Creates a viewer connection, not yet negotiated. */
  createPeerConnection(streamId: string, userId: string): PeerConnection {
    return new ViewerConnection(streamId, userId, this.#options);
  }

  /** Creates a livestream; the broadcast starts when the broadcaster's offer was answered and media arrive. */
  async startBroadcast(userId: string, streamConfig: StreamConfig): Promise<StartedBroadcast> {
    const { streamId, streamKey } = await this.#options.create(userId, streamConfig);
    return {
      streamId,
      streamKey,
      iceServers: this.#options.iceServers.list(userId),
      answer: (offer, address) => this.publish({ streamKey, offer, address }),
    };
  }

  /** Ends a livestream for good. @throws PublicError 404 `stream_not_found` */
  async stopBroadcast(streamId: string): Promise<void> {
    const found = isUuid(streamId) && (await this.#options.streams.endLivestream(streamId, 'ended-by-owner'));
    if (!found) throw streamNotFound();
  }

  /** Returns a viewer connection, ICE servers and the state. @throws PublicError 404 `stream_not_found` */
  async joinStream(streamId: string, userId: string): Promise<JoinedStream> {
    // A livestream with a broadcast exists: its viewers do not wait for the database.
    if (this.state(streamId) === 'offline') await this.#findLivestream(streamId);
    const connection = this.createPeerConnection(streamId, userId);
    return {
      streamId,
      iceServers: connection.iceServers,
      state: this.#options.streams.status(streamId).state.name,
      viewers: this.viewers(streamId),
      connection,
    };
  }

  /** Returns all livestreams that are live, the newest first. */
  async getActiveStreams(): Promise<ActiveStream[]> {
    const { livestreams, streams } = this.#options;
    const active: ActiveStream[] = [];
    for (let offset = 0; ; offset += PAGE) {
      const page = await livestreams.listActive({ limit: PAGE, offset });
      for (const { id, userId, title, startedAt } of page)
        active.push({
          streamId: id,
          userId,
          title,
          startedAt,
          state: streams.status(id).state.name,
          viewers: this.viewers(id),
        });
      if (page.length < PAGE) return active;
    }
  }

  /** @throws PublicError 404 `stream_not_found` */
  async getStreamStats(streamId: string): Promise<StreamStats> {
    const { startedAt } = await this.#findLivestream(streamId);
    const status = this.#options.streams.status(streamId);
    return { streamId, startedAt, ...status, viewers: this.viewers(streamId) };
  }

  /**
   * Publishes by a stream key, or by a sign-in whose right to broadcast the caller has checked.
   *
   * @throws PublicError
   */
  async publish(request: PublishRequest & { offer: string }): Promise<ServicePublication> {
    return await this.#options.publish({ ...request, offer: parseOffer(request.offer) });
  }

  viewers(streamId: string): number {
    return this.#options.viewers(streamId);
  }

  /** Returns the state from memory. */
  state(streamId: string): StreamStatus['state']['name'] {
    return this.#options.streams.status(streamId).state.name;
  }

  /** Returns undefined if there is no such livestream. */
  async livestream(streamId: string): Promise<Livestream | undefined> {
    return isUuid(streamId) ? await this.#options.livestreams.find(streamId) : undefined;
  }

  async #findLivestream(streamId: string): Promise<Livestream> {
    const livestream = await this.livestream(streamId);
    if (!livestream) throw streamNotFound();
    return livestream;
  }
}
