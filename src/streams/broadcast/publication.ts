import type { FlvTag, SourceInfo } from '../../media/index.js';
import type { PublisherCredential } from '../admission/publisher-admission.js';
import type { PublicationEnd } from './end-reason.js';

/** Media that arrive as RTP and stay in the SFU: guests ask for a copy of the packets instead of reading tags. */
export type RtpSource = {
  /** The feed's name in the SFU. */
  readonly mediaSourceId: string;
  /**
   * Sends SRTP to ports on loopback (SRTCP one further up), payload types 96 (video) and 97 (Opus), protected with
   * `srtpKey`: any process of the machine can send to such ports.
   */
  send(to: { video?: number; audio?: number; srtpKey: string }): Promise<{ close(): void }>;
  /**
   * Serves AV1 and Opus as live Matroska to the first connection to a Unix socket; `zero` is the Unix ms that is 0 in it.
   * `close` ends the stream.
   */
  sendMatroska(options: { zero: number; audio: boolean }): Promise<{ path: string; close(): void }>;
};

/** What the hall needs of a connection that publishes; the ingest room gives it at `publish()`. */
export type Publisher = PublisherCredential & {
  protocol: SourceInfo['protocol'];
  /** The publisher's network address, without a port. */
  address: string;
  /** The encoder's own name, if it gave one. */
  encoder?: string;
  /** Set when the media are RTP: the publication is told its timeline, but no tags. */
  rtp?: RtpSource;
  /** Stop reading from the connection until `resume`: somebody downstream is full. */
  pause(): void;
  resume(): void;
  /** Close the connection, telling the publisher why. Called at most once, never after `publication.close`. */
  kick(reason: PublicationEnd, message: string): void;
};

/** The write handle of one connection. Everything is synchronous and nothing throws. */
export type Publication = {
  readonly id: string;
  readonly streamId: string;
  readonly broadcastId: string;
  /**
   * Starts the timeline, or starts it anew (a new encoder configuration, a jump of the timestamps): the tags that
   * follow count from 0 again. Must be called before the first tag.
   *
   * @param startedAt Unix ms at which the timeline's tag 0 arrived.
   */
  restart(startedAt: number, has: { audio: boolean; video: boolean }): void;
  /** A tag in the order of arrival. Configurations come before what they describe. */
  write(tag: FlvTag): void;
  /** What has been found out about the source; replaces what was said before. */
  describe(source: Pick<SourceInfo, 'video' | 'audio' | 'encoder'>): void;
  /** The connection is gone. */
  close(reason: PublicationEnd): void;
};

/** How a guest of the hall reads a publication. Everything is called in order and must not throw. */
export type SourceReader = {
  restart(startedAt: number, has: { audio: boolean; video: boolean }): void;
  write(tag: FlvTag): void;
  end(reason: PublicationEnd): void;
};

/** The read handle of one connection. */
export type Source = {
  readonly id: string;
  /** As last described; never undefined fields that were known before. */
  readonly info: SourceInfo;
  /** Set when the media are RTP: readers are told the timeline and the end, but get no tags. */
  readonly rtp: RtpSource | undefined;
  /** Subscribes; a reader that comes after the start of the timeline is told so, but gets only what follows. */
  read(reader: SourceReader): void;
  /**
   * The reader is full: the publisher is paused until the returned function is called (idempotent). The stream says
   * so to its broadcaster while it lasts.
   */
  hold(): () => void;
  /** Ends the publication from this side. */
  kick(reason: PublicationEnd): void;
};
