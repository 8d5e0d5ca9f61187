import {
  type CodecPreference,
  encodingsOf,
  orderedCodecs,
  type PictureSettings,
} from '../broadcast/encodings.js';
import { type OutboundStats, outboundStats, type StatsEntry } from '../broadcast/outbound-stats.js';
import type { PeerFailure } from './peer-failure.js';
import { PeerSession } from './peer-session.js';
import type { Refusal, WhipWhepSession } from './whip-whep-session.js';

export type WhipOptions = {
  /** The WHIP endpoint. */
  url: string;
  streamKey: string;
  video: MediaStreamTrack | undefined;
  audio: MediaStreamTrack | undefined;
  picture: PictureSettings & { codec: CodecPreference };
  onConnected: () => void;
  /** Called once; the connection is over. */
  onFailed: (failure: PeerFailure) => void;
  onStats: () => void;
};

const SAMPLE_MS = 1_000;
/** Browsers notice a connection that the server closed only after many seconds: it is asked this often. */
const ASK_MS = 2_000;
/** What is said of a session that is no more (RFC 9110 sections 15.5.5 and 15.5.11); 410 with the reason. */
const NOT_FOUND = 404;
export const GONE = 410;
/** Bits per second of sound. */
const AUDIO_BITRATE = 128_000;

/** One publication by WHIP, from the offer to its end. It does not recover: another is made instead. */
export class WhipConnection {
  readonly #options: WhipOptions;
  readonly #link: PeerSession;
  readonly #senders: Partial<Record<'audio' | 'video', RTCRtpSender>> = {};
  #entries: ReadonlyMap<string, StatsEntry> = new Map();
  #stats: OutboundStats | undefined;

  constructor(options: WhipOptions) {
    this.#options = options;
    this.#link = new PeerSession({
      url: options.url,
      bearer: options.streamKey,
      adaptOffer: (sdp) => sdp,
      onConnected: () => {
        options.onConnected();
        this.#sampleLater();
      },
      onFailed: options.onFailed,
    });
  }

  get stats(): OutboundStats | undefined {
    return this.#stats;
  }

  async dial(): Promise<void> {
    try {
      this.#prepare();
    } catch (error) {
      this.#link.fail({ kind: 'impossible', detail: error instanceof Error ? error.message : String(error) });
      return;
    }
    const session = await this.#link.dial();
    if (session) this.#askLater(session);
  }

  /** Sends another track in place of the one of its kind. @returns false where that needs a new connection */
  async replace(kind: 'audio' | 'video', track: MediaStreamTrack | undefined): Promise<boolean> {
    const sender = this.#senders[kind];
    if (!sender) return track === undefined;
    await sender.replaceTrack(track ?? null);
    return true;
  }

  /** Ends the publication. @returns what the server had against that, when it has answered */
  async close(): Promise<Refusal | undefined> {
    return await this.#link.close();
  }

  #prepare(): void {
    const { audio, video, picture } = this.#options;
    const { peer } = this.#link;
    if (audio) {
      this.#senders.audio = peer.addTransceiver(audio, {
        direction: 'sendonly',
        sendEncodings: [{ maxBitrate: AUDIO_BITRATE }],
      }).sender;
    }
    if (video) {
      const transceiver = peer.addTransceiver(video, {
        direction: 'sendonly',
        sendEncodings: encodingsOf(picture),
      });
      this.#senders.video = transceiver.sender;
      const { codecs } = RTCRtpSender.getCapabilities('video') ?? { codecs: [] };
      if (codecs.length > 0) transceiver.setCodecPreferences(orderedCodecs(codecs, picture.codec));
    }
  }

  #askLater(session: WhipWhepSession): void {
    this.#link.after(ASK_MS, async () => {
      const refusal = await session.ask();
      if (refusal?.status === GONE) this.#link.fail({ kind: 'refused', refusal });
      else if (refusal?.status === NOT_FOUND) this.#link.fail({ kind: 'lost' });
      else this.#askLater(session);
    });
  }

  #sampleLater(): void {
    this.#link.after(SAMPLE_MS, () => void this.#sample());
  }

  async #sample(): Promise<void> {
    const entries = new Map<string, StatsEntry>(await this.#link.peer.getStats());
    if (this.#link.closed) return;
    this.#stats = outboundStats(entries.values(), this.#entries);
    this.#entries = entries;
    this.#options.onStats();
    this.#sampleLater();
  }
}
