import { exceedsPixels, pictureTooLarge, type SourceInfo } from '../../media/index.js';
import { type Clock, type Logger, newId, PublicError } from '../../platform/index.js';
import {
  credentialOf,
  PUBLICATION_END,
  type Publication,
  type PublicationEnd,
  type Publisher,
  type PublisherCredential,
  type PublishResult,
  type RelayPath,
  relayRefusal,
} from '../../streams/index.js';
import {
  type CloseReason,
  type Offer,
  type PeerEnd,
  type PublishingPeer,
  planPublisher,
  type SessionContent,
  type SourceFault,
  type WebrtcPool,
  writeAnswer,
} from '../../webrtc/index.js';
import { refuseLargeFrames } from './announced-size.js';
import { PublisherRefused } from './refusal-answer.js';
import { noticeOf, refusalOf, SOURCE_TOPICS } from './source-fault-text.js';

export type WhipIngestOptions = {
  pool: Pick<WebrtcPool, 'publish' | 'sendRtp' | 'sendMatroska'>;
  /** Admits a publisher to the stream registry. */
  publish: (publisher: Publisher) => Promise<PublishResult>;
  /** Maximum bit rate of all layers of a publisher together, bit/s. */
  maximumBitrateBps: number;
  /** Maximum frame size, pixels. */
  maxPixels: number;
  /** Id of this gateway in relay paths; without it no loops are found. */
  relayId?: string;
  clock: Clock;
  log: Logger;
};

export type IngestRequest = PublisherCredential & {
  offer: Offer;
  /** IP address of the publisher, without a port. */
  address: string;
  encoder?: string | undefined;
  /** Gateways that the stream has passed. */
  relayPath?: RelayPath;
};

/** Session of one WebRTC publisher. */
export type WebrtcPublication = SessionContent & { readonly broadcastId: string };

/** WebRTC ingest, independent of the signalling that carries the offers. */
export type WhipIngest = {
  /** @throws PublicError with its HTTP status: invalid offer, publisher refused, or no worker available */
  publish(request: IngestRequest): Promise<WebrtcPublication>;
};

const PUBLICATION_END_BY_PEER_END: Record<PeerEnd, PublicationEnd> = {
  left: 'publisher-left',
  closed: 'publisher-lost',
  lost: 'publisher-lost',
  'never-connected': 'publisher-lost',
  'worker-died': 'publisher-lost',
  'channel-closed': 'publisher-lost',
};

const REPLACED: CloseReason = {
  code: 'publication_replaced',
  message: 'Another publisher went live with the same stream key.',
};

export function createWhipIngest(options: WhipIngestOptions): WhipIngest {
  return {
    async publish(request) {
      const plan = planPublisher(request.offer);
      refuseLargeFrames(request.offer, options.maxPixels);
      const loop = relayRefusal(request.relayPath ?? [], options.relayId ?? '');
      if (loop !== undefined) throw new PublisherRefused({ code: 'restream_loop', message: loop });
      const connection = new WhipConnection(options, request);
      return await connection.open(plan);
    },
  };
}

class WhipConnection implements WebrtcPublication {
  readonly #options: WhipIngestOptions;
  readonly #request: IngestRequest;
  readonly #mediaSourceId = newId();
  readonly #startedAt: number;
  /** Resolves when the SFU knows the media source; subscribers may request its packets before. */
  readonly #registered: Promise<void>;
  #registration: { resolve: () => void; reject: (error: unknown) => void } = { resolve() {}, reject() {} };
  #peer: PublishingPeer | undefined;
  #publication: Publication | undefined;
  #answer = '';
  #endReason: PublicationEnd | undefined;
  #refusal: CloseReason | undefined;

  constructor(options: WhipIngestOptions, request: IngestRequest) {
    this.#options = options;
    this.#request = request;
    this.#startedAt = options.clock.monotonic();
    this.#registered = new Promise((resolve, reject) => {
      this.#registration = { resolve, reject };
    });
    this.#registered.catch(() => {}); // Avoids an unhandled rejection when no subscriber waits.
  }

  get peer(): PublishingPeer {
    if (!this.#peer) throw new Error('the connection has no peer yet');
    return this.#peer;
  }

  get streamId(): string {
    return this.#publication?.streamId ?? '';
  }

  get broadcastId(): string {
    return this.#publication?.broadcastId ?? '';
  }

  get answer(): string {
    return this.#answer;
  }

  get closeReason(): CloseReason | undefined {
    // A client that does not learn of its replacement reconnects and replaces the other in turn.
    if (this.#endReason === 'replaced') return REPLACED;
    if (this.#endReason !== 'account-barred' && this.#endReason !== 'sign-in-barred') return this.#refusal;
    return { code: 'account_barred', message: PUBLICATION_END[this.#endReason].message };
  }

  async open(plan: ReturnType<typeof planPublisher>): Promise<this> {
    const { pool, publish, maximumBitrateBps } = this.#options;
    const { offer } = this.#request;
    // Disconnects the previous publisher before the peer is made: it may use the same address and port.
    const result = await publish(this.#publisher());
    if ('refusal' in result) throw new PublisherRefused(result.refusal);
    this.#publication = result.publication;
    if (this.#endReason) throw endedEarly(this.#endReason);
    let peer: PublishingPeer;
    try {
      peer = await pool.publish({
        mediaSourceId: this.#mediaSourceId,
        remote: offer.transport,
        plan,
        maximumBitrate: maximumBitrateBps,
      });
    } catch (error) {
      this.#registration.reject(error);
      this.#endPublication('publisher-lost', 'no WebRTC worker available');
      throw new PublicError(503, 'webrtc_unavailable', 'WebRTC is not available right now: try again.');
    }
    this.#peer = peer;
    this.#registration.resolve();
    void peer.closed.then((reason) => this.#endPublication(PUBLICATION_END_BY_PEER_END[reason], reason));
    if (this.#endReason) {
      peer.close();
      throw endedEarly(this.#endReason);
    }
    peer.onSource((source) => this.#checkSource(source, result.publication));
    peer.onCounters((counters) => Object.assign(result.publication.counters, counters));
    peer.onFaults((faults) => this.#tellFaults(faults, result.publication));
    peer.onPicture((state) => result.publication.pictureChanged(state));
    peer.onMedia((startedAt, has) => result.publication.restart(startedAt, has));
    this.#answer = writeAnswer(offer, plan, peer.local);
    return this;
  }

  leave(): void {
    this.#endPublication('publisher-left');
    this.#peer?.close();
  }

  #publisher(): Publisher {
    const { pool } = this.#options;
    const { address, encoder, relayPath = [] } = this.#request;
    const mediaSourceId = this.#mediaSourceId;
    return {
      ...credentialOf(this.#request),
      protocol: 'whip',
      address,
      ...(encoder === undefined ? {} : { encoder }),
      relayPath: () => relayPath,
      rtp: {
        mediaSourceId,
        send: async ({ video, audio, srtpKey }) => {
          await this.#registered;
          return await pool.sendRtp({
            mediaSourceId,
            srtpKey,
            ...(video === undefined ? {} : { videoPort: video }),
            ...(audio === undefined ? {} : { audioPort: audio }),
          });
        },
        sendMatroska: async (options) => {
          await this.#registered;
          return await pool.sendMatroska({ mediaSourceId, ...options });
        },
      },
      // RTP has no backpressure; the SFU drops packets for a slow reader.
      pause() {},
      resume() {},
      kick: (reason) => {
        this.#endPublication(reason);
        this.#peer?.close();
      },
    };
  }

  #checkSource(source: Pick<SourceInfo, 'video' | 'audio'>, publication: Publication): void {
    const { maxPixels } = this.#options;
    const { width = 0, height = 0 } = source.video ?? {};
    if (!exceedsPixels({ width, height }, maxPixels)) {
      publication.describe(source);
      return;
    }
    this.#refuse('picture_too_large', pictureTooLarge({ width, height }, maxPixels));
  }

  /** Refuses a source of which nothing can be played; else tells the broadcaster what viewers miss. */
  #tellFaults(faults: readonly SourceFault[], publication: Publication): void {
    const refusal = refusalOf(faults);
    if (refusal !== undefined) {
      this.#refuse('media_not_playable', refusal);
      return;
    }
    for (const topic of SOURCE_TOPICS) publication.notice(topic, noticeOf(topic, faults));
  }

  #refuse(code: CloseReason['code'], message: string): void {
    this.#refusal = { code, message };
    this.#endPublication('protocol-error', message);
    this.#peer?.close();
  }

  /** Ends the publication; the first reason counts. */
  #endPublication(reason: PublicationEnd, why?: string): void {
    if (this.#endReason) return;
    this.#endReason = reason;
    const { clock, log } = this.#options;
    const seconds = Math.round((clock.monotonic() - this.#startedAt) / 1_000);
    const fields = { streamId: this.streamId, publicationId: this.#publication?.id, reason, why, seconds };
    log[PUBLICATION_END[reason].level](fields, 'publisher disconnected');
    this.#publication?.close(reason);
  }
}

/** Answers an offer whose publication ended during the negotiation. */
function endedEarly(reason: PublicationEnd): PublicError {
  if (reason === 'replaced') return new PublicError(409, REPLACED.code, REPLACED.message);
  return new PublicError(409, 'publication_ended', PUBLICATION_END[reason].message);
}
