import { once } from 'node:events';
import net from 'node:net';
import { until } from '../until.js';

/** Answer as it came over the network. */
export type RawAnswer = {
  /** Status line and headers, without the values of `Date` and `x-request-id`. */
  head: string;
  status: number;
  body: Buffer;
};

const HEAD_END = '\r\n\r\n';

/** Client connection that shows the bytes of answers. */
export class HttpConnection {
  readonly socket: net.Socket;
  readonly closed: Promise<unknown>;
  #received: Buffer = Buffer.alloc(0);

  constructor(port: number) {
    this.socket = net.connect({ port, host: '127.0.0.1' });
    this.socket.on('data', (data) => {
      this.#received = Buffer.concat([this.#received, data]);
    });
    this.socket.on('error', () => {});
    this.closed = once(this.socket, 'close');
  }

  /** Takes all bytes that have come. */
  takeReceived(): string {
    const received = this.#received.toString('latin1');
    this.#received = Buffer.alloc(0);
    return received;
  }

  send(method: string, path: string, headers = '', body = ''): void {
    this.socket.write(`${method} ${path} HTTP/1.1\r\nHost: example.org\r\n${headers}\r\n${body}`);
  }

  async request(method: string, path: string, headers = '', body = ''): Promise<RawAnswer> {
    this.send(method, path, headers, body);
    return await this.answer(method);
  }

  /** Takes the next answer. */
  async answer(method = 'GET'): Promise<RawAnswer> {
    return await until(`an answer to ${method}`, () => this.#takeAnswer(method), 30_000, 5);
  }

  #takeAnswer(method: string): RawAnswer | undefined {
    const end = this.#received.indexOf(HEAD_END);
    if (end < 0) return undefined;
    const head = this.#received.toString('latin1', 0, end);
    const status = Number(head.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length));
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
    const bodyBytes = method === 'HEAD' || status === 304 ? 0 : length;
    const bodyAt = end + HEAD_END.length;
    if (this.#received.length < bodyAt + bodyBytes) return undefined;
    const body = this.#received.subarray(bodyAt, bodyAt + bodyBytes);
    this.#received = this.#received.subarray(bodyAt + bodyBytes);
    return { head: head.replace(/\r\n(Date|x-request-id): [^\r]+/g, '\r\n$1:'), status, body };
  }
}
