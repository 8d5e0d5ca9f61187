import type { ServerResponse } from 'node:http';
import type { Clock } from '../../platform/index.js';

/** Interval of comments that keep proxies from closing an idle connection, ms. */
const HEARTBEAT_MS = 15_000;
/** Unread bytes after which the connection is destroyed. */
const UNREAD_LIMIT_BYTES = 64 * 1024;
/** Reconnection time told to the browser, ms. */
const RETRY_MS = 2_000;

/** Server-sent events (WHATWG HTML, section 9.2) to one browser. */
export class EventStream {
  /** Resolves when the connection has closed. */
  readonly closed: Promise<void>;
  readonly #response: ServerResponse;

  /** @param headers added to those of the event stream. */
  constructor(response: ServerResponse, headers: Record<string, string | number | string[]>, clock: Clock) {
    this.#response = response;
    const life = new AbortController();
    this.closed = new Promise((resolve) => {
      response.once('close', () => {
        life.abort();
        resolve();
      });
    });
    response.on('error', () => {}); // 'close' follows.
    response.writeHead(200, {
      ...headers,
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      // Without this nginx buffers events until a buffer is full.
      'x-accel-buffering': 'no',
    });
    this.#write(`retry: ${RETRY_MS}\n\n`);
    clock.every(HEARTBEAT_MS, () => this.#write(':\n\n'), life.signal);
  }

  /** @param data serialized as JSON in one line. */
  send(event: string, data: unknown): void {
    this.#write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  /** Ends the response after the events already written. */
  close(): void {
    if (!this.#response.writableEnded) this.#response.end();
  }

  #write(text: string): void {
    if (this.#response.writableEnded || this.#response.destroyed) return;
    this.#response.write(text);
    if (this.#response.writableLength > UNREAD_LIMIT_BYTES) this.#response.destroy();
  }
}
