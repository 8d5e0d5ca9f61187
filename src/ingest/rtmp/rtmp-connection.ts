import type { Socket } from 'node:net';
import type { Cancel, Clock, Logger } from '../../platform/index.js';
import {
  PUBLICATION_END,
  type Publication,
  type PublicationEnd,
  type Publisher,
  type Refusal,
  type RelayPath,
  relayRefusal,
} from '../../streams/index.js';
import { readableFourCcs } from './codec-refusal.js';
import { RtmpDemuxer } from './rtmp-demuxer.js';
import type { RtmpLimits } from './rtmp-limits.js';
import { MESSAGE, type RtmpMessage, RtmpProtocolError } from './rtmp-message.js';
import { RtmpProtocol } from './rtmp-protocol.js';
import { readIntoSharedBuffer } from './shared-read-buffer.js';
import { encoderName } from './stream-metadata.js';

/** Admits a publisher to the stream registry, or refuses it. */
export type Publish = (publisher: Publisher) => Promise<{ publication: Publication } | { refusal: Refusal }>;

export type RtmpConnectionOptions = {
  socket: Socket;
  protocol: 'rtmp' | 'rtmps';
  /** IP address of the peer, without a port. */
  address: string;
  publish: Publish;
  limits: RtmpLimits;
  readsAv1: boolean;
  /** Maximum frame size, pixels. */
  maxPixels: number;
  /** Id of this gateway in relay paths; without it no loops are found. */
  relayId?: string;
  clock: Clock;
  log: Logger;
};

/** Time for the peer to read the close status and disconnect. */
const CLOSE_TIMEOUT_MS = 1_000;
/** Number of checks within `silenceMs`. */
const SILENCE_CHECKS = 5;

/** Reasons after which an encoder should reconnect. */
const RECONNECT_REASONS: ReadonlySet<PublicationEnd> = new Set([
  'shutdown',
  'transcoder-failed',
  'publisher-lost',
]);

/**
 * One RTMP connection. It publishes at most once; errors of its peer end only this connection.
 */
export class RtmpConnection {
  /** Resolves when the socket has closed. */
  readonly closed: Promise<void>;
  readonly #options: RtmpConnectionOptions;
  readonly #socket: Socket;
  readonly #log: Logger;
  readonly #abort = new AbortController();
  readonly #protocol: RtmpProtocol;
  #cancelDeadline: Cancel;
  #publication: Publication | undefined;
  #demuxer: RtmpDemuxer | undefined;
  #paused = false;
  #lastMediaAt = 0;
  /** The publication has ended; the socket is closing or closed. */
  #ended = false;
  #startedAt: number;
  #relayPath: RelayPath = [];

  constructor(options: RtmpConnectionOptions) {
    const { socket, limits, clock, log } = options;
    this.#options = options;
    this.#socket = socket;
    this.#log = log;
    this.#startedAt = clock.monotonic();
    this.#protocol = new RtmpProtocol(limits, readableFourCcs(options.readsAv1), {
      output: (bytes) => this.#send(bytes),
      handshakeDone: () => this.#handshakeDone(),
      publish: (streamKey, encoder, relayPath) => {
        this.#relayPath = relayPath;
        void this.#requestPublish(streamKey, encoderName(encoder));
      },
      refused: (code, description) => this.#refuseCommand(code, description),
      publisherLeft: () => this.#publisherLeft(),
      media: (message) => this.#media(message),
    });
    this.#cancelDeadline = clock.after(limits.handshakeMs, () => this.#disconnect('handshake took too long'));
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    const receive = (bytes: Buffer): void => this.#receive(bytes);
    const shared = options.protocol === 'rtmp' && readIntoSharedBuffer(socket, receive);
    if (!shared) socket.on('data', receive);
    socket.on('error', () => {}); // 'close' follows.
    socket.on('close', () => this.#socketClosed());
    socket.setNoDelay(true);
  }

  /** Closes the connection for the gateway's shutdown; sends a publisher the reason. */
  shutdown(): void {
    if (this.#publication) this.#kick('shutdown', PUBLICATION_END.shutdown.message);
    else this.#disconnect('shutdown');
  }

  #receive(bytes: Buffer): void {
    if (this.#ended) return;
    try {
      this.#protocol.receive(bytes);
    } catch (error) {
      this.#endWithProtocolError(error);
    }
  }

  /** Ends the connection. Logs messages of `RtmpProtocolError` only: others may contain a stream key. */
  #endWithProtocolError(error: unknown): void {
    const why = error instanceof RtmpProtocolError ? error.message : 'a message is malformed';
    this.#endPublication('protocol-error', why);
    this.#socket.destroy();
  }

  #handshakeDone(): void {
    const { clock, limits } = this.#options;
    this.#cancelDeadline();
    if (this.#ended) return;
    this.#cancelDeadline = clock.after(limits.publishMs, () =>
      this.#disconnect('nothing was published in time'),
    );
  }

  async #requestPublish(streamKey: string, encoder: string | undefined): Promise<void> {
    this.#protocol.stop();
    this.#socket.pause();
    const answer = await this.#admit(streamKey, encoder);
    if ('refusal' in answer) {
      if (this.#ended) return;
      const { code, message } = answer.refusal;
      this.#log.info({ refusal: code }, 'publisher refused');
      this.#closeWithStatus('error', 'NetStream.Publish.BadName', message);
    } else if (this.#ended) {
      answer.publication.close('publisher-lost');
    } else {
      this.#startPublication(answer.publication, encoder);
    }
  }

  async #admit(streamKey: string, encoder: string | undefined): ReturnType<Publish> {
    const { protocol, address, publish, relayId = '' } = this.#options;
    const loop = relayRefusal(this.#relayPath, relayId);
    if (loop !== undefined) return { refusal: { code: 'restream_loop', message: loop } };
    const publisher: Publisher = {
      protocol,
      streamKey,
      address,
      ...(encoder !== undefined && { encoder }),
      relayPath: () => this.#relayPath,
      pause: () => this.#pause(),
      resume: () => this.#resume(),
      kick: (reason, message) => this.#kick(reason, message),
    };
    try {
      return await publish(publisher);
    } catch (error) {
      this.#log.error({ err: error }, 'publisher admission failed');
      const message = 'The server could not check the stream key just now: please try again.';
      return { refusal: { code: 'capacity_reached', message } };
    }
  }

  #startPublication(publication: Publication, encoder: string | undefined): void {
    const { clock, limits, readsAv1, maxPixels } = this.#options;
    this.#cancelDeadline();
    this.#publication = publication;
    this.#demuxer = new RtmpDemuxer({
      publication,
      encoder,
      readsAv1,
      maxPixels,
      clock,
      onRelayPath: (path) => this.#relayed(path),
      refuse: (message) => this.#refuseStream(message),
    });
    const { streamId, id: publicationId } = publication;
    this.#log.info({ streamId, publicationId, encoder }, 'publisher connected');
    this.#lastMediaAt = clock.monotonic();
    clock.every(limits.silenceMs / SILENCE_CHECKS, () => this.#checkSilence(), this.#abort.signal);
    try {
      this.#protocol.admit();
    } catch (error) {
      this.#endWithProtocolError(error);
    }
    if (!this.#paused && !this.#ended) this.#socket.resume();
  }

  #media(message: RtmpMessage): void {
    const demuxer = this.#demuxer;
    if (!demuxer) return;
    if (message.type === MESSAGE.data) {
      demuxer.data(message.payload);
      return;
    }
    this.#lastMediaAt = this.#options.clock.monotonic();
    if (message.type === MESSAGE.video) demuxer.video(message.timestamp, message.payload);
    else demuxer.audio(message.timestamp, message.payload);
  }

  /** Takes the path of the metadata, which servers pass on that do not know the value in `connect`. */
  #relayed(path: RelayPath): void {
    if (this.#relayPath.length > 0) return;
    this.#relayPath = path;
    const loop = relayRefusal(path, this.#options.relayId ?? '');
    if (loop !== undefined) this.#refuseStream(loop);
  }

  #checkSilence(): void {
    const { clock, limits } = this.#options;
    if (this.#paused) this.#lastMediaAt = clock.monotonic();
    else if (clock.monotonic() - this.#lastMediaAt >= limits.silenceMs)
      this.#disconnect('no media came any more');
  }

  #pause(): void {
    if (this.#ended) return;
    this.#paused = true;
    this.#socket.pause();
  }

  #resume(): void {
    if (this.#ended || !this.#paused) return;
    this.#paused = false;
    this.#lastMediaAt = this.#options.clock.monotonic();
    if (this.#publication) this.#socket.resume();
  }

  #send(bytes: Buffer): void {
    if (!this.#socket.writable) return;
    this.#socket.write(bytes);
    if (this.#socket.writableLength > this.#options.limits.unreadBytes) {
      throw new RtmpProtocolError('the replies are not read');
    }
  }

  /** Handles an unpublish command. */
  #publisherLeft(): void {
    this.#endPublication('publisher-left');
    this.#closeWithStatus('status', 'NetStream.Unpublish.Success', PUBLICATION_END['publisher-left'].message);
  }

  /** Refuses an unsupported command. */
  #refuseCommand(code: string, description: string): void {
    this.#endPublication('protocol-error', description);
    this.#closeWithStatus('error', code, description);
  }

  /** Refuses media that cannot be served. */
  #refuseStream(message: string): void {
    this.#endPublication('protocol-error', message);
    this.#closeWithStatus('error', 'NetStream.Publish.BadName', message);
  }

  /** Ends a publication on behalf of the server. */
  #kick(reason: PublicationEnd, message: string): void {
    if (this.#ended) return;
    this.#endPublication(reason);
    const code = RECONNECT_REASONS.has(reason) ? 'NetStream.Publish.Failed' : 'NetStream.Publish.BadName';
    this.#closeWithStatus('error', code, message);
  }

  /** Destroys the socket without a status. */
  #disconnect(why: string): void {
    if (this.#ended) return;
    this.#endPublication('publisher-lost', why);
    this.#socket.destroy();
  }

  #socketClosed(): void {
    this.#endPublication('publisher-lost');
    this.#abort.abort();
  }

  /** Ends the publication; the first reason counts. */
  #endPublication(reason: PublicationEnd, why?: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cancelDeadline();
    this.#abort.abort();
    this.#protocol.stop();
    this.#demuxer?.close();
    const seconds = Math.round((this.#options.clock.monotonic() - this.#startedAt) / 1_000);
    if (!this.#publication) {
      this.#log.debug({ why, seconds }, 'connection ended without a publication');
      return;
    }
    const { streamId, id: publicationId } = this.#publication;
    const fields = { streamId, publicationId, reason, why, seconds };
    this.#log[PUBLICATION_END[reason].level](fields, 'publisher disconnected');
    this.#publication.close(reason);
  }

  /**
   * Sends `onStatus` with the close reason and half-closes the socket. Reads and discards what the peer still sends:
   * with unread bytes the kernel would reset the connection before the peer has read the status.
   */
  #closeWithStatus(level: 'status' | 'error', code: string, description: string): void {
    this.#endPublication('protocol-error', description);
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
    const cancel = this.#options.clock.after(CLOSE_TIMEOUT_MS, () => socket.destroy());
    socket.once('close', cancel);
  }
}
