import {
  type CodecPreference,
  orderedCodecs,
  sendEncodings,
  type VideoSettings,
} from '../broadcast/encodings.js';
import { type OutboundStats, outboundStats, type StatsEntry } from '../broadcast/outbound-stats.js';
import type { PeerFailure } from './peer-failure.js';
import { PeerSession } from './peer-session.js';
import type { WebrtcRefusal, WhipWhepSession } from './whip-whep-session.js';

export type WhipConnectionOptions = {
  /** WHIP endpoint. */
  url: string;
  streamKey: string;
  video: MediaStreamTrack | undefined;
  audio: MediaStreamTrack | undefined;
  videoSettings: VideoSettings & { codec: CodecPreference };
  onConnected: () => void;
  /** Called once; the connection is closed by then. */
  onFailed: (failure: PeerFailure) => void;
  onStats: () => void;
};

const SAMPLE_INTERVAL_MS = 1_000;
/** Interval of session checks: browsers detect a connection that the server closed only after many seconds. */
const CHECK_INTERVAL_MS = 2_000;
/** Statuses of a deleted session (RFC 9110 sections 15.5.5 and 15.5.11); 410 comes with the reason. */
const NOT_FOUND = 404;
export const GONE = 410;
/** Bits per second. */
const AUDIO_BITRATE = 128_000;

/** WHIP connection of one publisher. It does not reconnect: its owner creates another. */
export class WhipConnection {
  readonly #options: WhipConnectionOptions;
  readonly #peerSession: PeerSession;
  readonly #senders: Partial<Record<'audio' | 'video', RTCRtpSender>> = {};
  #lastEntries: ReadonlyMap<string, StatsEntry> = new Map();
  #stats: OutboundStats | undefined;

  constructor(options: WhipConnectionOptions) {
    this.#options = options;
    this.#peerSession = new PeerSession({
      url: options.url,
      bearer: options.streamKey,
      adaptOffer: (sdp) => sdp,
      onConnected: () => {
        options.onConnected();
        this.#scheduleSample();
      },
      onFailed: options.onFailed,
    });
  }

  get stats(): OutboundStats | undefined {
    return this.#stats;
  }

  async connect(): Promise<void> {
    try {
      this.#addTransceivers();
    } catch (error) {
      this.#peerSession.fail({
        kind: 'impossible',
        detail: error instanceof Error ? error.message : String(error),
      });
      return;
    }
    const session = await this.#peerSession.connect();
    if (session) this.#scheduleCheck(session);
  }

  /** Replaces the track of a kind. @returns false where that needs a new connection */
  async replaceTrack(kind: 'audio' | 'video', track: MediaStreamTrack | undefined): Promise<boolean> {
    const sender = this.#senders[kind];
    if (!sender) return track === undefined;
    await sender.replaceTrack(track ?? null);
    return true;
  }

  /** Ends the publication. @returns the refusal of the deletion, if any */
  async close(): Promise<WebrtcRefusal | undefined> {
    return await this.#peerSession.close();
  }

  #addTransceivers(): void {
    const { audio, video, videoSettings } = this.#options;
    const { peer } = this.#peerSession;
    if (audio) {
      this.#senders.audio = peer.addTransceiver(audio, {
        direction: 'sendonly',
        sendEncodings: [{ maxBitrate: AUDIO_BITRATE }],
      }).sender;
    }
    if (video) {
      const transceiver = peer.addTransceiver(video, {
        direction: 'sendonly',
        sendEncodings: sendEncodings(videoSettings),
      });
      this.#senders.video = transceiver.sender;
      const { codecs } = RTCRtpSender.getCapabilities('video') ?? { codecs: [] };
      if (codecs.length > 0) transceiver.setCodecPreferences(orderedCodecs(codecs, videoSettings.codec));
    }
  }

  #scheduleCheck(session: WhipWhepSession): void {
    this.#peerSession.after(CHECK_INTERVAL_MS, async () => {
      const refusal = await session.checkAlive();
      if (refusal?.status === GONE) this.#peerSession.fail({ kind: 'refused', refusal });
      else if (refusal?.status === NOT_FOUND) this.#peerSession.fail({ kind: 'lost' });
      else this.#scheduleCheck(session);
    });
  }

  #scheduleSample(): void {
    this.#peerSession.after(SAMPLE_INTERVAL_MS, () => void this.#sampleStats());
  }

  async #sampleStats(): Promise<void> {
    const entries = new Map<string, StatsEntry>(await this.#peerSession.peer.getStats());
    if (this.#peerSession.closed) return;
    this.#stats = outboundStats(entries.values(), this.#lastEntries);
    this.#lastEntries = entries;
    this.#options.onStats();
    this.#scheduleSample();
  }
}
