import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Where the bytes of one rendition go. */
export type CmafSink = {
  /** @throws when the bytes cannot be used: the connection is then closed. */
  write(bytes: Buffer): void;
  /** The body came to its proper end. */
  end(): void;
  /** The body broke off, or its bytes were refused. */
  broken(error: Error): void;
};

/** One path on the listener, good for one request. */
export type CmafSlot = {
  url: string;
  /** Withdraws the path; a request that uses it is cut off, and its sink hears no more. */
  close(): void;
};

type Place = { sink: CmafSink; request: IncomingMessage | undefined; closed: boolean };

const TOKEN_BYTES = 16;
const HEADERS_TIMEOUT_MS = 5_000;
const CONNECTIONS = 2_048;

/**
 * Takes CMAF from the gateway's own ffmpeg processes by HTTP POST. It listens on the loopback only, and every path
 * holds 128 random bits and works once: nobody else on the machine can write into a stream.
 */
export class CmafListener {
  readonly #server: Server;
  readonly #places = new Map<string, Place>();
  #port = 0;

  constructor() {
    this.#server = createServer(
      {
        requestTimeout: 0,
        headersTimeout: HEADERS_TIMEOUT_MS,
        connectionsCheckingInterval: 1_000,
        maxHeaderSize: 8_192,
      },
      (request, response) => this.#handle(request, response),
    );
    this.#server.maxConnections = CONNECTIONS;
    this.#server.on('clientError', (_error, socket) => socket.destroy());
    this.#server.on('upgrade', (_request, socket) => socket.destroy());
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Connections that are open, for tests. */
  connections(): Promise<number> {
    return new Promise((resolve, reject) =>
      this.#server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
    );
  }

  open(sink: CmafSink): CmafSlot {
    const path = `/${randomBytes(TOKEN_BYTES).toString('base64url')}`;
    const place: Place = { sink, request: undefined, closed: false };
    this.#places.set(path, place);
    const close = (): void => {
      place.closed = true;
      this.#places.delete(path);
      place.request?.socket.destroy();
    };
    return { url: `http://127.0.0.1:${this.#port}${path}`, close };
  }

  async close(): Promise<void> {
    this.#places.clear();
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? '';
    const place = request.method === 'POST' ? this.#places.get(path) : undefined;
    if (!place) {
      response.writeHead(404, { connection: 'close', 'content-length': 0 });
      response.end(() => request.socket.destroy());
      return;
    }
    this.#places.delete(path);
    place.request = request;
    let over = false;
    const broken = (error: Error): void => {
      if (over) return;
      over = true;
      request.socket.destroy();
      if (!place.closed) place.sink.broken(error);
    };
    request.on('data', (bytes: Buffer) => {
      if (over || place.closed) return;
      try {
        place.sink.write(bytes);
      } catch (error) {
        broken(error instanceof Error ? error : new Error(String(error)));
      }
    });
    request.on('end', () => {
      if (over) return;
      over = true;
      response.writeHead(200, { connection: 'close', 'content-length': 0 });
      response.end();
      if (!place.closed) place.sink.end();
    });
    request.on('error', broken);
    request.on('close', () => broken(new Error('the connection broke')));
  }
}
