import net from 'node:net';

/** Request to repeat. */
export type LoadRequest = { method: string; path: string; headers?: Record<string, string>; body?: string };

export type LoadResult = {
  requests: number;
  /** Responses with a status other than 2xx. */
  refused: number;
  seconds: number;
  /** Percentiles of the response time, ms. */
  p50: number;
  p99: number;
};

const HEAD_END = Buffer.from('\r\n\r\n');

/**
 * Sends requests over a number of keep-alive connections, each the next one after a response. Parses only the
 * HTTP/1.1 that the gateway sends (Content-Length), to cost less than the server under test.
 */
export async function load(
  port: number,
  connections: number,
  seconds: number,
  next: () => LoadRequest,
): Promise<LoadResult> {
  const durationsMs: number[] = [];
  let refused = 0;
  const start = performance.now();
  const end = start + seconds * 1_000;
  await Promise.all(
    Array.from({ length: connections }, async () => {
      const connection = new Connection(port);
      for (let now = performance.now(); now < end; ) {
        const status = await connection.send(next());
        const then = performance.now();
        durationsMs.push(then - now);
        if (status < 200 || status > 299) refused++;
        now = then;
      }
      connection.close();
    }),
  );
  const elapsed = (performance.now() - start) / 1_000;
  durationsMs.sort((a, b) => a - b);
  const at = (share: number): number => durationsMs[Math.floor(durationsMs.length * share)] ?? 0;
  return { requests: durationsMs.length, refused, seconds: elapsed, p50: at(0.5), p99: at(0.99) };
}

/** A keep-alive connection. */
class Connection {
  readonly #socket: net.Socket;
  #buffer: Buffer = Buffer.alloc(0);
  #resolve: ((status: number) => void) | undefined;
  #reject: ((error: Error) => void) | undefined;

  constructor(port: number) {
    this.#socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.on('data', (chunk) => this.#read(chunk));
    this.#socket.on('error', (error) => this.#reject?.(error));
    this.#socket.on('close', () => this.#reject?.(new Error('the server closed the connection')));
  }

  /** @returns the status of the response */
  send({ method, path, headers = {}, body }: LoadRequest): Promise<number> {
    const lines = Object.entries({ host: 'localhost', ...headers }).map(
      ([name, value]) => `${name}: ${value}\r\n`,
    );
    const length = body === undefined ? '' : `content-length: ${Buffer.byteLength(body)}\r\n`;
    this.#socket.write(`${method} ${path} HTTP/1.1\r\n${lines.join('')}${length}\r\n${body ?? ''}`);
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  close(): void {
    this.#reject = undefined;
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    const end = this.#buffer.indexOf(HEAD_END);
    if (end < 0) return;
    const head = this.#buffer.toString('latin1', 0, end);
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1]);
    if (Number.isNaN(length)) throw new Error(`response without Content-Length: ${head}`);
    if (this.#buffer.length < end + HEAD_END.length + length) return;
    this.#buffer = Buffer.alloc(0);
    this.#resolve?.(Number(head.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length)));
  }
}
