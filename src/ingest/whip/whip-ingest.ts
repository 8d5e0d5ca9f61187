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
} from '../../streams/index.js';
import {
  type CloseReason,
  type Offer,
  type PeerEnd,
  type PublishingPeer,
  planPublisher,
  type SessionContent,
  type WebrtcPool,
  writeAnswer,
} from '../../webrtc/index.js';
import { refuseLargePictures } from './announced-size.js';
import { PublisherRefused } from './refusal-answer.js';

export type WhipIngestOptions = {
  pool: Pick<WebrtcPool, 'publish' | 'sendRtp' | 'sendMatroska'>;
  /** The hall's door: admits a publisher or says why not. */
  publish: (publisher: Publisher) => Promise<PublishResult>;
  /** Bits per second that a publisher may send, all layers together. */
  maximumBitrate: number;
  /** Pixels of the largest picture that is taken. */
  maxPixels: number;
  clock: Clock;
  log: Logger;
};

export type IngestRequest = PublisherCredential & {
  offer: Offer;
  /** The publisher's network address, without a port. */
  address: string;
  encoder?: string | undefined;
};

/** One WebRTC connection that publishes. */
export type WebrtcPublication = SessionContent & { readonly broadcastId: string };

/** Lets WebRTC publishers in, whichever way their offers came. */
export type WhipIngest = {
  /** @throws PublicError as HTTP has them: the offer does not do, the publisher is refused, there are no workers */
  publish(request: IngestRequest): Promise<WebrtcPublication>;
};

/** What the end of a peer means for its publication. */
const ENDS: Record<PeerEnd, PublicationEnd> = {
  left: 'publisher-left',
  closed: 'publisher-lost',
  lost: 'publisher-lost',
  'never-connected': 'publisher-lost',
  'worker-died': 'publisher-lost',
  'channel-closed': 'publisher-lost',
};

const REPLACED: CloseReason = {
  code: 'publication_replaced',
  message: 'Somebody else went live with the same stream key.',
};

export function createWhipIngest(options: WhipIngestOptions): WhipIngest {
  return {
    async publish(request) {
      const plan = planPublisher(request.offer);
      refuseLargePictures(request.offer, options.maxPixels);
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
  /** Resolves when the SFU knows the feed: guests may ask for its packets before. */
  readonly #fed: Promise<void>;
  #settle: { resolve: () => void; reject: (error: unknown) => void } = { resolve() {}, reject() {} };
  #peer: PublishingPeer | undefined;
  #publication: Publication | undefined;
  #answer = '';
  #ended: PublicationEnd | undefined;
  #refusal: CloseReason | undefined;

  constructor(options: WhipIngestOptions, request: IngestRequest) {
    this.#options = options;
    this.#request = request;
    this.#startedAt = options.clock.monotonic();
    this.#fed = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.#fed.catch(() => {}); // Nobody may have asked.
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
    // Who does not learn that somebody else took over comes again, and takes over in turn.
    if (this.#ended === 'replaced') return REPLACED;
    if (this.#ended !== 'account-barred' && this.#ended !== 'sign-in-barred') return this.#refusal;
    return { code: 'account_barred', message: PUBLICATION_END[this.#ended].message };
  }

  async open(plan: ReturnType<typeof planPublisher>): Promise<this> {
    const { pool, publish, maximumBitrate } = this.#options;
    const { offer } = this.#request;
    // The publisher before this one is let go of first: it may use the same address and port.
    const result = await publish(this.#publisher());
    if ('refusal' in result) throw new PublisherRefused(result.refusal);
    this.#publication = result.publication;
    if (this.#ended) throw endedEarly(this.#ended);
    let peer: PublishingPeer;
    try {
      peer = await pool.publish({
        mediaSourceId: this.#mediaSourceId,
        remote: offer.transport,
        plan,
        maximumBitrate,
      });
    } catch (error) {
      this.#settle.reject(error);
      this.#end('publisher-lost', 'no worker took it');
      throw new PublicError(503, 'webrtc_unavailable', 'WebRTC is not available right now: try again.');
    }
    this.#peer = peer;
    this.#settle.resolve();
    void peer.closed.then((reason) => this.#end(ENDS[reason], reason));
    if (this.#ended) {
      peer.close();
      throw endedEarly(this.#ended);
    }
    peer.onSource((source) => this.#described(source, result.publication));
    peer.onMedia((startedAt, has) => result.publication.restart(startedAt, has));
    this.#answer = writeAnswer(offer, plan, peer.local);
    return this;
  }

  leave(): void {
    this.#end('publisher-left');
    this.#peer?.close();
  }

  #publisher(): Publisher {
    const { pool } = this.#options;
    const { address, encoder } = this.#request;
    const mediaSourceId = this.#mediaSourceId;
    return {
      ...credentialOf(this.#request),
      protocol: 'whip',
      address,
      ...(encoder === undefined ? {} : { encoder }),
      rtp: {
        mediaSourceId,
        send: async ({ video, audio, srtpKey }) => {
          await this.#fed;
          return await pool.sendRtp({
            mediaSourceId,
            srtpKey,
            ...(video === undefined ? {} : { videoPort: video }),
            ...(audio === undefined ? {} : { audioPort: audio }),
          });
        },
        sendMatroska: async (options) => {
          await this.#fed;
          return await pool.sendMatroska({ mediaSourceId, ...options });
        },
      },
      // RTP cannot be held back; the copy that a slow reader gets is thinned in the SFU.
      pause() {},
      resume() {},
      kick: (reason) => {
        this.#end(reason);
        this.#peer?.close();
      },
    };
  }

  #described(source: Pick<SourceInfo, 'video' | 'audio'>, publication: Publication): void {
    const { maxPixels } = this.#options;
    const { width = 0, height = 0 } = source.video ?? {};
    if (!exceedsPixels({ width, height }, maxPixels)) {
      publication.describe(source);
      return;
    }
    const message = pictureTooLarge({ width, height }, maxPixels);
    this.#refusal = { code: 'picture_too_large', message };
    this.#end('protocol-error', message);
    this.#peer?.close();
  }

  /** Notes the end once: the first reason counts. */
  #end(reason: PublicationEnd, why?: string): void {
    if (this.#ended) return;
    this.#ended = reason;
    const { clock, log } = this.#options;
    const seconds = Math.round((clock.monotonic() - this.#startedAt) / 1_000);
    const line = { streamId: this.streamId, publicationId: this.#publication?.id, reason, why, seconds };
    log[PUBLICATION_END[reason].level](line, 'publisher disconnected');
    this.#publication?.close(reason);
  }
}

/** The publication was ended while it was still being negotiated. */
function endedEarly(reason: PublicationEnd): PublicError {
  if (reason === 'replaced') return new PublicError(409, REPLACED.code, REPLACED.message);
  return new PublicError(409, 'publication_ended', PUBLICATION_END[reason].message);
}
