import type { FlvTag, PictureState, SourceCounters, SourceInfo } from '../../media/index.js';
import type { PublisherCredential } from '../admission/publisher-admission.js';
import type { PublicationEnd } from './end-reason.js';
import type { RelayPath } from './relay-path.js';

/** Media received as RTP, which stay in the SFU: subscribers request a copy of the packets instead of reading tags. */
export type RtpSource = {
  /** Id of the media source in the SFU. */
  readonly mediaSourceId: string;
  /**
   * Sends SRTP to ports on loopback (SRTCP one further up), payload types 96 (video) and 97 (Opus), protected with
   * `srtpKey`, because any process of the machine can send to such ports.
   */
  send(to: { video?: number; audio?: number; srtpKey: string }): Promise<{ close(): void }>;
  /**
   * Serves AV1 and Opus as live Matroska to the first connection to a Unix socket; `zero` is the Unix ms that is 0 in it.
   * `close` ends the stream.
   */
  sendMatroska(options: { zero: number; audio: boolean }): Promise<{ path: string; close(): void }>;
};

/** Connection of a publisher, as ingest passes it to `StreamRegistry.publish`. */
export type Publisher = PublisherCredential & {
  protocol: SourceInfo['protocol'];
  /** The publisher's network address, without a port. */
  address: string;
  /** Encoder name, as it reported itself. */
  encoder?: string;
  /** Set for RTP media: the publication receives a timeline but no tags. */
  rtp?: RtpSource;
  /** Returns the gateways that the stream has passed, as far as known by now. Default: none. */
  relayPath?(): RelayPath;
  /** Stops reading from the connection until `resume`: backpressure of a reader. */
  pause(): void;
  resume(): void;
  /** Closes the connection with a reason for the publisher. Called at most once, never after `Publication.close`. */
  kick(reason: PublicationEnd, message: string): void;
};

/** The write handle of one connection. Everything is synchronous and nothing throws. */
export type Publication = {
  readonly id: string;
  readonly streamId: string;
  readonly broadcastId: string;
  /** Measurements, which ingest keeps up to date. */
  readonly counters: SourceCounters;
  /**
   * Starts a timeline, also after a new encoder configuration or a timestamp jump: timestamps of the tags that follow
   * begin at 0. Must be called before the first tag.
   *
   * @param startedAt arrival of the timeline's timestamp 0, Unix ms
   */
  restart(startedAt: number, has: { audio: boolean; video: boolean }): void;
  /** Writes a tag, in the order of arrival. Decoder configurations precede the frames that need them. */
  write(tag: FlvTag): void;
  /**
   * Reports that the picture of RTP media is late or pauses while the publisher is connected, or has returned with a
   * keyframe. Tags show that themselves.
   */
  pictureChanged(state: PictureState): void;
  /** Replaces the description of the source. */
  describe(source: Pick<SourceInfo, 'video' | 'audio' | 'encoder'>): void;
  /** Sets a health notice for the broadcaster, one per topic; undefined clears it. Cleared at the end. */
  notice(topic: string, message: string | undefined): void;
  /** Pauses the publisher until the returned function (idempotent) is called. */
  pause(): () => void;
  /** Ends the publication: the connection closed. */
  close(reason: PublicationEnd): void;
};

/** Reader of a publication. Called in order; must not throw. */
export type SourceReader = {
  restart(startedAt: number, has: { audio: boolean; video: boolean }): void;
  write(tag: FlvTag): void;
  /** The picture of RTP media is late, pauses, or has returned. */
  pictureChanged?(state: PictureState): void;
  end(reason: PublicationEnd): void;
};

/** The read handle of one connection. */
export type Source = {
  readonly id: string;
  /** Latest description of the source; fields once known stay set. */
  readonly info: SourceInfo;
  /** Measurements of ingest. */
  readonly counters: SourceCounters;
  /** Set for RTP media: readers receive the timeline and the end, but no tags. */
  readonly rtp: RtpSource | undefined;
  /** Gateways that the stream has passed before this one. */
  readonly relayPath: RelayPath;
  /**
   * Adds a reader. A late one receives the timeline and the configurations, then the tags that follow.
   *
   * @returns a function that removes it, without an end
   */
  read(reader: SourceReader): () => void;
  /**
   * Pauses the publisher until the returned function (idempotent) is called: backpressure of a reader. A notice tells the
   * broadcaster meanwhile.
   */
  hold(): () => void;
  /** Ends the publication and closes its connection. */
  kick(reason: PublicationEnd): void;
};
