import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { sleep } from '../../platform/index.js';
import type { WorkerContext } from './context.js';
import type { Feed } from './feed.js';
import { FeedOutput } from './feed-output.js';
import { Av1Sink, OpusSink } from './matroska-sinks.js';
import { MatroskaStream } from './matroska-stream.js';
import { OutputTrack } from './output-track.js';

/** Who wants the stream must connect within, ms. */
const CONNECT_MS = 15_000;
/** What waits may be taken for so long when there is nothing more to come, ms. */
const LINGER_MS = 2_000;
/** A feed has ended: so long the gateway may take to say so too, ms. */
const FEED_ENDED_MS = 12_000;
/** A reader that lets more wait than this is sent less, bytes: some seconds of a good picture. */
const MOST_WAITING = 4 << 20;

/**
 * Sends a feed's best layer of AV1 and its sound as live Matroska to the first connection to a Unix socket: for
 * encoders that cannot read this codec as RTP.
 */
export class MatroskaOutput {
  readonly #context: WorkerContext;
  readonly #feed: Feed;
  readonly #options: { path: string; zero: number; audio: boolean };
  readonly #closed: () => void;
  readonly #server: Server;
  readonly #life = new AbortController();
  #socket: Socket | undefined;
  #output: FeedOutput | undefined;
  #ending = false;

  /**
   * @param options.path of the Unix socket, in a folder that other users cannot enter
   * @param options.zero Unix ms that is 0 in the stream
   * @param closed Called when nobody reads it any more.
   */
  constructor(
    context: WorkerContext,
    feed: Feed,
    options: { path: string; zero: number; audio: boolean },
    closed: () => void,
  ) {
    this.#context = context;
    this.#feed = feed;
    this.#options = options;
    this.#closed = closed;
    this.#server = createServer((socket) => this.#connected(socket));
    this.#server.maxConnections = 1;
  }

  /** Listens. @throws when the socket cannot be opened, or the feed has another codec. */
  async start(): Promise<void> {
    const codec = this.#feed.shape.video?.codec;
    if (codec !== 'av1') throw new Error(`Matroska is made of AV1 alone, not of ${codec ?? 'sound'}`);
    await rm(this.#options.path, { force: true }); // a killed worker may have left it
    this.#server.listen({ path: this.#options.path, backlog: 1 });
    await once(this.#server, 'listening', { signal: this.#life.signal });
    this.#server.on('error', (error) => this.#context.log('debug', 'a Matroska output failed', error));
    this.#context.clock.after(CONNECT_MS, () => this.#unused(), this.#life.signal);
  }

  /** Sends what was written, and that it was all. Idempotent. */
  close(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#output?.close();
    this.#server.close();
    if (!this.#socket) {
      this.#gone();
      return;
    }
    this.#socket.end();
    this.#context.clock.after(LINGER_MS, () => this.#socket?.destroy(), this.#life.signal);
  }

  /** The same; resolves when the reader knows, or does not listen. */
  async sayGoodbye(): Promise<void> {
    this.close();
    await sleep(this.#context.clock, LINGER_MS, this.#life.signal);
  }

  #unused(): void {
    if (!this.#socket) this.close();
  }

  #connected(socket: Socket): void {
    this.#server.close();
    if (this.#socket || this.#ending) {
      socket.destroy();
      return;
    }
    this.#socket = socket;
    socket.on('error', (error) => this.#context.log('debug', 'a Matroska output failed', error));
    socket.on('close', () => {
      this.close();
      this.#gone();
    });
    socket.resume(); // nothing is said there, but that it is over
    this.#flow(socket);
  }

  #flow(socket: Socket): void {
    const { clock } = this.#context;
    const { zero } = this.#options;
    const audio = this.#options.audio && this.#feed.audio !== undefined;
    const stream = new MatroskaStream({
      zero,
      audio,
      write: (head, body) => {
        if (socket.destroyed || this.#ending) return;
        socket.cork();
        socket.write(head);
        if (body) socket.write(body);
        socket.uncork();
      },
      full: () => socket.writableLength > MOST_WAITING,
    });
    this.#output = new FeedOutput({
      context: this.#context,
      feed: this.#feed,
      video: new OutputTrack(clock, 'video', new Av1Sink(stream)),
      audio: audio ? new OutputTrack(clock, 'audio', new OpusSink(stream)) : undefined,
      // The end of the stream would be taken for that of the publication: the gateway will tell.
      ended: () => void clock.after(FEED_ENDED_MS, () => this.close(), this.#life.signal),
    });
  }

  #gone(): void {
    if (this.#life.signal.aborted) return;
    this.#life.abort();
    this.#closed();
  }
}
