import { rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';
import { type Logger, makeSocketFolder } from '../../platform/index.js';

/** Receiver of one rendition's bytes. */
export type CmafSink = {
  /** @throws when the bytes are invalid: the connection is then closed */
  write(bytes: Buffer): void;
  /** The writer has ended the stream. */
  end(): void;
  /** The connection or the socket failed, or the bytes were refused. */
  broken(error: Error): void;
};

/** Unix socket for one connection. */
export type CmafSlot = {
  /** ffmpeg's form: `unix:PATH`. */
  url: string;
  /** Removes the socket and closes its connection; the sink gets no more calls. */
  close(): void;
};

/**
 * Receives CMAF from ffmpeg processes: one Unix socket per rendition, in a folder that other users cannot enter. A
 * path, which `ps` shows, does not suffice to connect.
 */
export class CmafListener {
  readonly #log: Logger;
  readonly #open = new Set<Connection>();
  #folder: string | undefined;
  #count = 0;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** @throws HeadendError `socket_folder` when no folder for sockets can be made */
  async start(): Promise<void> {
    this.#folder = await makeSocketFolder('cmaf', this.#log);
  }

  /** Open sockets and connections, for tests. */
  get size(): number {
    return this.#open.size;
  }

  /** @throws before `start` and after `close` */
  open(sink: CmafSink): CmafSlot {
    if (this.#folder === undefined) throw new Error('the CMAF listener is not open');
    const file = path.join(this.#folder, `${++this.#count}.sock`);
    const connection = new Connection(file, sink, () => this.#open.delete(connection));
    this.#open.add(connection);
    return { url: `unix:${file}`, close: () => connection.close() };
  }

  /** Closes all sockets and connections. Idempotent. */
  async close(): Promise<void> {
    for (const connection of [...this.#open]) connection.close();
    const folder = this.#folder;
    this.#folder = undefined;
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }
}

/** Socket and its only connection. */
class Connection {
  readonly #sink: CmafSink;
  readonly #server: Server;
  readonly #closed: () => void;
  #socket: Socket | undefined;
  #over = false;

  constructor(file: string, sink: CmafSink, closed: () => void) {
    this.#sink = sink;
    this.#closed = closed;
    this.#server = createServer((socket) => this.#accept(socket));
    this.#server.maxConnections = 1;
    this.#server.on('error', (error) => this.#broken(error));
    // Binds before it returns, so that ffmpeg can start at once.
    this.#server.listen({ path: file, backlog: 1 });
  }

  close(): void {
    this.#finish();
    this.#socket?.destroy();
  }

  #accept(socket: Socket): void {
    // Removes the file: the path works once.
    this.#server.close();
    if (this.#socket || this.#over) {
      socket.destroy();
      return;
    }
    this.#socket = socket;
    socket.on('data', (bytes: Buffer) => this.#write(bytes));
    socket.on('end', () => {
      if (this.#over) return;
      this.#finish();
      this.#sink.end();
    });
    socket.on('error', (error) => this.#broken(error));
    socket.on('close', () => this.#broken(new Error('the connection broke')));
  }

  #write(bytes: Buffer): void {
    if (this.#over) return;
    try {
      this.#sink.write(bytes);
    } catch (error) {
      this.#broken(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #broken(error: Error): void {
    if (this.#over) return;
    this.close();
    this.#sink.broken(error);
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#server.close();
    this.#closed();
  }
}
