import type { Socket } from 'node:net';
import type { Cancel, Clock, Logger } from '../../platform/index.js';
import {
  PUBLICATION_END,
  type Publication,
  type PublicationEnd,
  type Publisher,
  type Refusal,
} from '../../streams/index.js';
import { type ReadableCodecs, readableFourCcs } from './codec-refusal.js';
import { RtmpDemuxer } from './rtmp-demuxer.js';
import type { RtmpLimits } from './rtmp-limits.js';
import { MESSAGE, type RtmpMessage, RtmpProtocolError } from './rtmp-message.js';
import { RtmpProtocol } from './rtmp-protocol.js';
import { readIntoSharedBuffer } from './shared-read-buffer.js';
import { encoderName } from './stream-metadata.js';

/** The hall's door: admits a publisher or says why not. */
export type Publish = (publisher: Publisher) => Promise<{ publication: Publication } | { refusal: Refusal }>;

export type RtmpConnectionOptions = {
  socket: Socket;
  protocol: 'rtmp' | 'rtmps';
  /** The peer's address, without a port. */
  address: string;
  publish: Publish;
  limits: RtmpLimits;
  readableCodecs: ReadableCodecs;
  /** Pixels of the largest picture that is taken. */
  maxPixels: number;
  clock: Clock;
  log: Logger;
};

/** So long a peer may take to read why it was closed. */
const LINGER_MS = 1_000;
/** Signs of life are looked for this often in the time they may be missing. */
const SILENCE_CHECKS = 5;

/** Whether an encoder that was closed for this reason should come back. */
const COMES_BACK: ReadonlySet<PublicationEnd> = new Set(['shutdown', 'transcoder-failed', 'publisher-lost']);

/**
 * One connection, from its first byte to its last. It publishes at most once, and whatever its peer does ends at
 * most this connection.
 */
export class RtmpConnection {
  /** Resolves when the socket is gone. */
  readonly closed: Promise<void>;
  readonly #options: RtmpConnectionOptions;
  readonly #socket: Socket;
  readonly #log: Logger;
  readonly #life = new AbortController();
  readonly #protocol: RtmpProtocol;
  #deadline: Cancel;
  #publication: Publication | undefined;
  #feed: RtmpDemuxer | undefined;
  #paused = false;
  #mediaAt = 0;
  /** The peer is being told goodbye, or is gone. */
  #over = false;
  #startedAt: number;

  constructor(options: RtmpConnectionOptions) {
    const { socket, limits, clock, log } = options;
    this.#options = options;
    this.#socket = socket;
    this.#log = log;
    this.#startedAt = clock.monotonic();
    this.#protocol = new RtmpProtocol(limits, readableFourCcs(options.readableCodecs), {
      output: (bytes) => this.#send(bytes),
      opened: () => this.#opened(),
      publish: (streamKey, encoder) => void this.#askToPublish(streamKey, encoderName(encoder)),
      refused: (code, description) => this.#turnAway(code, description),
      left: () => this.#left(),
      media: (message) => this.#media(message),
    });
    this.#deadline = clock.after(limits.handshakeMs, () => this.#abandon('handshake took too long'));
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    const receive = (bytes: Buffer): void => this.#receive(bytes);
    const shared = options.protocol === 'rtmp' && readIntoSharedBuffer(socket, receive);
    if (!shared) socket.on('data', receive);
    socket.on('error', () => {}); // 'close' follows and says all that matters.
    socket.on('close', () => this.#gone());
    socket.setNoDelay(true);
  }

  /** The gateway is going down: tells a publisher so, drops everybody else. */
  shutdown(): void {
    if (this.#publication) this.#close('shutdown', PUBLICATION_END.shutdown.message);
    else this.#abandon('shutdown');
  }

  #receive(bytes: Buffer): void {
    if (this.#over) return;
    try {
      this.#protocol.receive(bytes);
    } catch (error) {
      this.#broken(error);
    }
  }

  /** The peer's bytes are wrong. Only our own sentences are logged: others might quote a stream key. */
  #broken(error: unknown): void {
    const why = error instanceof RtmpProtocolError ? error.message : 'a message is malformed';
    this.#end('protocol-error', why);
    this.#socket.destroy();
  }

  #opened(): void {
    const { clock, limits } = this.#options;
    this.#deadline();
    if (this.#over) return;
    this.#deadline = clock.after(limits.publishMs, () => this.#abandon('nothing was published in time'));
  }

  async #askToPublish(streamKey: string, encoder: string | undefined): Promise<void> {
    this.#protocol.stop();
    this.#socket.pause();
    const answer = await this.#answer(streamKey, encoder);
    if ('refusal' in answer) {
      if (this.#over) return;
      const { code, message } = answer.refusal;
      this.#log.info({ refusal: code }, 'publisher refused');
      this.#farewell('error', 'NetStream.Publish.BadName', message);
    } else if (this.#over) {
      answer.publication.close('publisher-lost');
    } else {
      this.#begin(answer.publication, encoder);
    }
  }

  async #answer(streamKey: string, encoder: string | undefined): ReturnType<Publish> {
    const { protocol, address, publish } = this.#options;
    const publisher: Publisher = {
      protocol,
      streamKey,
      address,
      ...(encoder !== undefined && { encoder }),
      pause: () => this.#pause(),
      resume: () => this.#resume(),
      kick: (reason, message) => this.#close(reason, message),
    };
    try {
      return await publish(publisher);
    } catch (error) {
      this.#log.error({ err: error }, 'a publisher could not be admitted');
      const message = 'The server could not check the stream key just now: please try again.';
      return { refusal: { code: 'capacity_reached', message } };
    }
  }

  #begin(publication: Publication, encoder: string | undefined): void {
    const { clock, limits, readableCodecs, maxPixels } = this.#options;
    this.#deadline();
    this.#publication = publication;
    this.#feed = new RtmpDemuxer({
      publication,
      encoder,
      readableCodecs,
      maxPixels,
      clock,
      refuse: (message) => this.#refuseStream(message),
    });
    const { streamId, id: publicationId } = publication;
    this.#log.info({ streamId, publicationId, encoder }, 'publisher connected');
    this.#mediaAt = clock.monotonic();
    clock.every(limits.silenceMs / SILENCE_CHECKS, () => this.#checkSilence(), this.#life.signal);
    try {
      this.#protocol.admit();
    } catch (error) {
      this.#broken(error);
    }
    if (!this.#paused && !this.#over) this.#socket.resume();
  }

  #media(message: RtmpMessage): void {
    const feed = this.#feed;
    if (!feed) return;
    if (message.type === MESSAGE.data) {
      feed.data(message.payload);
      return;
    }
    this.#mediaAt = this.#options.clock.monotonic();
    if (message.type === MESSAGE.video) feed.video(message.timestamp, message.payload);
    else feed.audio(message.timestamp, message.payload);
  }

  #checkSilence(): void {
    const { clock, limits } = this.#options;
    if (this.#paused) this.#mediaAt = clock.monotonic();
    else if (clock.monotonic() - this.#mediaAt >= limits.silenceMs) this.#abandon('no media came any more');
  }

  #pause(): void {
    if (this.#over) return;
    this.#paused = true;
    this.#socket.pause();
  }

  #resume(): void {
    if (this.#over || !this.#paused) return;
    this.#paused = false;
    this.#mediaAt = this.#options.clock.monotonic();
    if (this.#publication) this.#socket.resume();
  }

  #send(bytes: Buffer): void {
    if (!this.#socket.writable) return;
    this.#socket.write(bytes);
    if (this.#socket.writableLength > this.#options.limits.unreadBytes) {
      throw new RtmpProtocolError('the replies are not read');
    }
  }

  /** The publisher said goodbye. */
  #left(): void {
    this.#end('publisher-left');
    this.#farewell('status', 'NetStream.Unpublish.Success', PUBLICATION_END['publisher-left'].message);
  }

  /** Something that is not offered was asked for. */
  #turnAway(code: string, description: string): void {
    this.#end('protocol-error', description);
    this.#farewell('error', code, description);
  }

  /** What is sent cannot be served. */
  #refuseStream(message: string): void {
    this.#end('protocol-error', message);
    this.#farewell('error', 'NetStream.Publish.BadName', message);
  }

  /** Ends a publication from our side. */
  #close(reason: PublicationEnd, message: string): void {
    if (this.#over) return;
    this.#end(reason);
    const code = COMES_BACK.has(reason) ? 'NetStream.Publish.Failed' : 'NetStream.Publish.BadName';
    this.#farewell('error', code, message);
  }

  /** There is nobody to say goodbye to. */
  #abandon(why: string): void {
    if (this.#over) return;
    this.#end('publisher-lost', why);
    this.#socket.destroy();
  }

  #gone(): void {
    this.#end('publisher-lost');
    this.#life.abort();
  }

  /** Notes the end once: the first reason counts. */
  #end(reason: PublicationEnd, why?: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#deadline();
    this.#life.abort();
    this.#protocol.stop();
    this.#feed?.close();
    const seconds = Math.round((this.#options.clock.monotonic() - this.#startedAt) / 1_000);
    if (!this.#publication) {
      this.#log.debug({ why, seconds }, 'connection ended without a publication');
      return;
    }
    const { streamId, id: publicationId } = this.#publication;
    const line = { streamId, publicationId, reason, why, seconds };
    this.#log[PUBLICATION_END[reason].level](line, 'publisher disconnected');
    this.#publication.close(reason);
  }

  /**
   * Tells the peer why and closes. What it still sends is read and thrown away: unread bytes would make the kernel
   * reset the connection, and the peer would never see the sentence.
   */
  #farewell(level: 'status' | 'error', code: string, description: string): void {
    this.#end('protocol-error', description);
    const socket = this.#socket;
    if (socket.destroyed) return;
    try {
      this.#protocol.status(level, code, description);
    } catch {
      socket.destroy();
      return;
    }
    socket.end();
    socket.resume();
    const cancel = this.#options.clock.after(LINGER_MS, () => socket.destroy());
    socket.once('close', cancel);
  }
}
