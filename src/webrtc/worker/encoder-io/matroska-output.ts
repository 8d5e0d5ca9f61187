import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { sleep } from '../../../platform/index.js';
import type { WorkerContext } from '../context.js';
import type { MediaSource } from '../receive/media-source.js';
import { Av1Sink, OpusSink } from './matroska-sinks.js';
import { MatroskaStream } from './matroska-stream.js';
import { OutputTrack } from './output-track.js';
import { SourceOutput } from './source-output.js';

/** Time limit for the reader to connect, ms. */
const CONNECT_MS = 15_000;
/** Time limit for the reader to drain the stream at its end, ms. */
const LINGER_MS = 2_000;
/** Time limit for the gateway to close the output after its source has ended, ms. */
const SOURCE_ENDED_MS = 12_000;
/** Backlog at which frames are dropped, bytes: some seconds of high-quality video. */
const MAXIMUM_BACKLOG_BYTES = 4 << 20;

/**
 * Serves a source's best AV1 layer and audio as live Matroska to the first client of a Unix socket, for encoders that
 * cannot read AV1 over RTP.
 */
export class MatroskaOutput {
  readonly #context: WorkerContext;
  readonly #mediaSource: MediaSource;
  readonly #options: { path: string; zero: number; audio: boolean };
  readonly #closed: () => void;
  readonly #server: Server;
  readonly #life = new AbortController();
  #socket: Socket | undefined;
  #output: SourceOutput | undefined;
  #ending = false;

  /**
   * @param options.path path of the Unix socket, in a folder that other users cannot enter
   * @param options.zero Unix ms of timestamp 0 in the stream
   * @param closed called when the output has ended
   */
  constructor(
    context: WorkerContext,
    mediaSource: MediaSource,
    options: { path: string; zero: number; audio: boolean },
    closed: () => void,
  ) {
    this.#context = context;
    this.#mediaSource = mediaSource;
    this.#options = options;
    this.#closed = closed;
    this.#server = createServer((socket) => this.#connected(socket));
    this.#server.maxConnections = 1;
  }

  /** Listens for the reader. @throws Error when the socket fails or the codec is not AV1 */
  async start(): Promise<void> {
    const codec = this.#mediaSource.format.video?.codec;
    if (codec !== 'av1')
      throw new Error(`Matroska output supports AV1 only, not ${codec ?? 'audio without video'}`);
    await rm(this.#options.path, { force: true }); // a killed worker leaves its socket file
    this.#server.listen({ path: this.#options.path, backlog: 1 });
    await once(this.#server, 'listening', { signal: this.#life.signal });
    this.#server.on('error', (error) => this.#context.log('debug', 'Matroska output socket failed', error));
    this.#context.clock.after(CONNECT_MS, () => this.#closeIfUnused(), this.#life.signal);
  }

  /** Flushes and ends the stream. Idempotent. */
  close(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#output?.close();
    this.#server.close();
    if (!this.#socket) {
      this.#finish();
      return;
    }
    this.#socket.end();
    this.#context.clock.after(LINGER_MS, () => this.#socket?.destroy(), this.#life.signal);
  }

  /** Ends the stream; resolves when the reader has closed it, or after the time limit. */
  async sendEndOfStream(): Promise<void> {
    this.close();
    await sleep(this.#context.clock, LINGER_MS, this.#life.signal);
  }

  #closeIfUnused(): void {
    if (!this.#socket) this.close();
  }

  #connected(socket: Socket): void {
    this.#server.close();
    if (this.#socket || this.#ending) {
      socket.destroy();
      return;
    }
    this.#socket = socket;
    socket.on('error', (error) => this.#context.log('debug', 'Matroska output socket failed', error));
    socket.on('close', () => {
      this.close();
      this.#finish();
    });
    socket.resume(); // discards input, so that the end is noticed
    this.#startOutput(socket);
  }

  #startOutput(socket: Socket): void {
    const { clock } = this.#context;
    const { zero } = this.#options;
    const audio = this.#options.audio && this.#mediaSource.audio !== undefined;
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
      isFull: () => socket.writableLength > MAXIMUM_BACKLOG_BYTES,
    });
    this.#output = new SourceOutput({
      context: this.#context,
      mediaSource: this.#mediaSource,
      video: new OutputTrack(clock, 'video', new Av1Sink(stream)),
      audio: audio ? new OutputTrack(clock, 'audio', new OpusSink(stream)) : undefined,
      // ffmpeg takes the end of the stream for the end of the publication, which the gateway decides.
      sourceEnded: () => void clock.after(SOURCE_ENDED_MS, () => this.close(), this.#life.signal),
    });
  }

  #finish(): void {
    if (this.#life.signal.aborted) return;
    this.#life.abort();
    this.#closed();
  }
}
