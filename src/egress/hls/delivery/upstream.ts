import { Agent, type ClientRequest, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { type Duplex, pipeline } from 'node:stream';
import type { Answer } from './answer-cache.js';
import { headersWithout, passingHeaders, sharedFreshMs } from './headers.js';
import { PEER_ADDRESS_HEADER } from './messages.js';

/** Time within which the gateway must answer a shared request: it ends blocked ones earlier. */
const ANSWER_TIMEOUT_MS = 60_000;
/** Body above which an answer is not shared; the packager's segments are smaller. */
const MAXIMUM_BODY_BYTES = 96 * 2 ** 20;
/** Connections to the gateway that are kept open without a request. */
const MAXIMUM_IDLE = 256;

/** Called with the head of the gateway's answer to a request that is passed on. */
export type AnswerObserver = (status: number, cacheControl: string | undefined) => void;

/** Connections to the gateway, by its Unix socket. */
export class Upstream {
  readonly #socketPath: string;
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: MAXIMUM_IDLE });
  #passedOn = 0;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /** Requests and upgraded connections of clients that are being passed on. */
  get passedOn(): number {
    return this.#passedOn;
  }

  /**
   * Requests a target for all who ask for it.
   *
   * @param etag asks for the answer only if it is not the one with this ETag
   */
  fetch(target: string, peerAddress: string, etag: string | undefined): Promise<Answer | 'not-modified'> {
    const headers: Record<string, string> = { host: 'localhost', [PEER_ADDRESS_HEADER]: peerAddress };
    if (etag !== undefined) headers['if-none-match'] = etag;
    return new Promise((resolve, reject) => {
      const asked = request(
        {
          socketPath: this.#socketPath,
          path: target,
          agent: this.#agent,
          headers,
          timeout: ANSWER_TIMEOUT_MS,
        },
        (response) => {
          if (response.statusCode === 304) {
            response.resume();
            resolve('not-modified');
          } else readAnswer(response).then(resolve, reject);
        },
      );
      asked.on('timeout', () => asked.destroy(new Error('the gateway does not answer')));
      asked.on('error', reject);
      asked.end();
    });
  }

  /**
   * Passes a client's request and its answer on as they are.
   *
   * @param unavailable answers the client when the gateway does not
   */
  passOn(
    incoming: IncomingMessage,
    response: ServerResponse,
    unavailable: () => void,
    observe?: AnswerObserver,
  ): void {
    const { headers } = incoming;
    const passing = this.#requestHeaders(incoming, passingHeaders(incoming.rawHeaders, headers.connection));
    const isChunked = headers['transfer-encoding'] !== undefined;
    if (isChunked) passing.push('Transfer-Encoding', 'chunked');
    if (headers.host === undefined) passing.push('Host', '');
    const asked: ClientRequest = request({
      socketPath: this.#socketPath,
      agent: this.#agent,
      method: incoming.method,
      path: incoming.url,
      headers: passing,
      setHost: false,
    });
    this.#passedOn++;
    response.once('close', () => {
      this.#passedOn--;
      asked.destroy();
    });
    asked.on('response', (answer) => {
      const { statusCode = 502, statusMessage } = answer;
      observe?.(statusCode, answer.headers['cache-control']);
      const heads = passingHeaders(answer.rawHeaders, answer.headers.connection);
      // The gateway says so when it closes: the client must not send another request either.
      if (answer.headers.connection === 'close') heads.unshift('Connection', 'close');
      response.writeHead(statusCode, statusMessage, heads);
      pipeline(answer, response, () => {});
    });
    asked.on('error', () => {
      if (response.headersSent) response.destroy();
      else unavailable();
    });
    if (isChunked || headers['content-length'] !== undefined) pipeline(incoming, asked, () => {});
    else asked.end();
  }

  /** Passes an upgrade request on, and everything in both directions after it. */
  passOnUpgrade(incoming: IncomingMessage, client: Duplex, head: Buffer): void {
    const { method, url, httpVersion, rawHeaders } = incoming;
    const gateway: Socket = connect(this.#socketPath);
    this.#passedOn++;
    let lines = `${method} ${url} HTTP/${httpVersion}\r\n`;
    const headers = this.#requestHeaders(incoming, rawHeaders);
    for (let at = 0; at + 1 < headers.length; at += 2) lines += `${headers[at]}: ${headers[at + 1]}\r\n`;
    gateway.write(`${lines}\r\n`, 'latin1');
    if (head.length > 0) gateway.write(head);
    // The gateway has the timeouts of such connections.
    (client as Socket).setTimeout(0);
    pipeline(client, gateway, client, () => {
      this.#passedOn--;
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  #requestHeaders({ socket }: IncomingMessage, headers: readonly string[]): string[] {
    const own = headersWithout(headers, PEER_ADDRESS_HEADER);
    own.push(PEER_ADDRESS_HEADER, socket.remoteAddress ?? '');
    return own;
  }
}

async function readAnswer(response: IncomingMessage): Promise<Answer> {
  const { statusCode = 502, headers } = response;
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAXIMUM_BODY_BYTES) throw new Error('the answer is too large to be shared');
    chunks.push(chunk);
  }
  return {
    status: statusCode,
    headers: passingHeaders(response.rawHeaders, headers.connection),
    body: chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks),
    etag: headers.etag,
    freshMs: statusCode === 200 ? sharedFreshMs(headers['cache-control']) : 0,
  };
}
