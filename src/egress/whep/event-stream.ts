import type { ServerResponse } from 'node:http';
import type { Clock } from '../../platform/index.js';

/** A comment is sent this often, so that nothing between us takes the connection for dead, ms. */
const HEARTBEAT_MS = 15_000;
/** Who has left so much unread is gone, bytes. */
const UNREAD_LIMIT = 64 * 1024;
/** How long a browser waits before it comes again, ms. */
const RETRY_MS = 2_000;

/** Server-sent events (WHATWG HTML, section 9.2) to one browser. */
export class EventStream {
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>;
  readonly #response: ServerResponse;

  /** @param headers that the answer has beside its own. */
  constructor(response: ServerResponse, headers: Record<string, string | number | string[]>, clock: Clock) {
    this.#response = response;
    const life = new AbortController();
    this.closed = new Promise((resolve) => {
      response.once('close', () => {
        life.abort();
        resolve();
      });
    });
    response.on('error', () => {}); // 'close' follows and says all that matters.
    response.writeHead(200, {
      ...headers,
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      // nginx would keep events until it has a buffer full.
      'x-accel-buffering': 'no',
    });
    this.#write(`retry: ${RETRY_MS}\n\n`);
    clock.every(HEARTBEAT_MS, () => this.#write(':\n\n'), life.signal);
  }

  /** @param data becomes JSON, in one line. */
  send(event: string, data: unknown): void {
    this.#write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  /** No more events; what was sent still arrives. */
  close(): void {
    if (!this.#response.writableEnded) this.#response.end();
  }

  #write(text: string): void {
    if (this.#response.writableEnded || this.#response.destroyed) return;
    this.#response.write(text);
    if (this.#response.writableLength > UNREAD_LIMIT) this.#response.destroy();
  }
}
