import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { answerMalformedRequest, type Clock, type ErrorCode } from '../../../platform/index.js';
import { CmcdReader, type CmcdSample, cmcdArgument } from '../cmcd.js';
import { type Answer, AnswerCache, TooManyFlights } from './answer-cache.js';
import { sharedFreshMs } from './headers.js';
import { KnownViewers } from './known-viewers.js';
import type { DeliveryReport, DeliverySettings } from './messages.js';
import { parseSharedRequest, type SharedRequest } from './shared-request.js';
import { type AnswerObserver, Upstream } from './upstream.js';

export type DeliveryServerOptions = {
  settings: DeliverySettings;
  clock: Clock;
  report(report: DeliveryReport): void;
};

const CACHE_BYTES = 128 * 2 ** 20;
/** Renditions that are watched, times the requests for each: a playlist, its delta, the next part. */
const MAXIMUM_FLIGHTS = 8_000;
const MAXIMUM_WAITING = 20_000;
const MAXIMUM_PASSED_ON = 8_000;
const MAXIMUM_VIEWERS = 20_000;
/** Interval of the reports to the gateway. */
const REPORT_INTERVAL_MS = 1_000;
/** Interval at which closed connections are reported, so that their places are free again. */
const CLOSED_INTERVAL_MS = 100;
/** Viewers of one message. */
const VIEWERS_PER_REPORT = 1_000;
const RETRY_AFTER_S = '1';

/**
 * HTTP server of a delivery process. It never listens: the gateway hands connections over. Public playlists and media are
 * answered from a cache; everything else is passed on to the gateway.
 */
export class DeliveryServer {
  readonly #options: DeliveryServerOptions;
  readonly #server: Server;
  readonly #upstream: Upstream;
  readonly #cache: AnswerCache;
  readonly #viewers: KnownViewers;
  readonly #cmcd: CmcdReader;
  readonly #lifetime = new AbortController();
  #connections = 0;
  #waiting = 0;
  #closedIds: number[] = [];
  /** Samples since the last report. */
  #samples: CmcdSample[] = [];

  constructor(options: DeliveryServerOptions) {
    this.#options = options;
    const { clock, settings } = options;
    const { timeouts } = settings;
    this.#upstream = new Upstream(settings.socketPath);
    this.#viewers = new KnownViewers({ clock, maximumViewers: MAXIMUM_VIEWERS });
    this.#cmcd = new CmcdReader({ clock, record: (sample) => void this.#samples.push(sample) });
    this.#cache = new AnswerCache({
      clock,
      maximumBytes: CACHE_BYTES,
      maximumFlights: MAXIMUM_FLIGHTS,
      fetch: (...request) => this.#upstream.fetch(...request),
    });
    this.#server = createServer({ connectionsCheckingInterval: timeouts.timeoutCheckMs }, (...exchange) =>
      this.#handle(...exchange),
    );
    this.#server.headersTimeout = timeouts.headersTimeoutMs;
    this.#server.requestTimeout = timeouts.requestTimeoutMs;
    this.#server.keepAliveTimeout = timeouts.keepAliveTimeoutMs;
    this.#server.setTimeout(timeouts.silenceTimeoutMs);
    this.#server.on('clientError', answerMalformedRequest);
    this.#server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      if (this.#upstream.passedOn < MAXIMUM_PASSED_ON) this.#upstream.passOnUpgrade(request, socket, head);
      else socket.destroy();
    });
    // Starts the check of timeouts: Node does so for servers that listen.
    this.#server.emit('listening');
  }

  start(): void {
    const { clock } = this.#options;
    const { signal } = this.#lifetime;
    clock.every(REPORT_INTERVAL_MS, () => this.#reportViewers(), signal);
    clock.every(CLOSED_INTERVAL_MS, () => this.#reportClosed(), signal);
  }

  /** Serves a connection. @param head bytes that were read from it */
  take(socket: Socket, id: number, head: Buffer): void {
    this.#connections++;
    socket.once('close', () => {
      this.#connections--;
      this.#closedIds.push(id);
    });
    socket.unshift(head);
    this.#server.emit('connection', socket);
  }

  connectionClosed(id: number): void {
    this.#closedIds.push(id);
  }

  /** The gateway does not know these viewers any more: it must answer their next requests. */
  forgetViewers(tokens: readonly string[]): void {
    for (const token of tokens) this.#viewers.forget(token);
  }

  /** Finishes the requests in progress within the grace, closes all connections. */
  async close(): Promise<void> {
    const { clock, settings } = this.#options;
    this.#lifetime.abort();
    await new Promise<void>((resolve) => {
      const check = (): void => {
        this.#server.closeIdleConnections();
        if (this.#connections === 0) resolve();
      };
      clock.after(settings.timeouts.closeWithinMs, resolve);
      clock.every(CLOSED_INTERVAL_MS, check);
      check();
    });
    this.#server.closeAllConnections();
    this.#upstream.close();
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    if (this.#lifetime.signal.aborted) response.setHeader('connection', 'close');
    const shared = isPlainGet(request) ? parseSharedRequest(request.url ?? '') : undefined;
    if (!shared) this.#passOn(request, response);
    else if (shared.kind === 'media' && shared.hasToken) this.#passOn(request, response);
    else if (shared.kind === 'media' || shared.token === undefined) this.#share(request, response, shared);
    else if (this.#viewers.see(shared.streamId, shared.token, shared.protocol))
      this.#share(request, response, shared);
    else this.#admit(request, response, shared.streamId, shared.token);
  }

  /** The gateway admits the viewer. If the livestream is public, later requests are answered here. */
  #admit(request: IncomingMessage, response: ServerResponse, streamId: string, token: string): void {
    this.#passOn(request, response, (status, cacheControl) => {
      if (status === 200 && sharedFreshMs(cacheControl) > 0) this.#viewers.add(streamId, token);
      else this.#viewers.forget(token);
    });
  }

  #share(request: IncomingMessage, response: ServerResponse, shared: SharedRequest): void {
    this.#cmcd.read(shared, request.headers, cmcdArgument(request.url ?? ''));
    const answer = this.#find(request, shared);
    if (answer === undefined) refuseBusy(response);
    else if (answer instanceof Promise) {
      this.#waiting++;
      answer
        .finally(() => this.#waiting--)
        .then(
          (arrived) => this.#answer(request, response, shared, arrived),
          () => refuseUnavailable(response),
        );
    } else this.#answer(request, response, shared, answer);
  }

  /** @returns undefined when too much is asked for */
  #find({ socket }: IncomingMessage, { target }: SharedRequest): Answer | Promise<Answer> | undefined {
    if (this.#waiting >= MAXIMUM_WAITING) return undefined;
    try {
      return this.#cache.get(target, socket.remoteAddress ?? '');
    } catch (error) {
      if (error instanceof TooManyFlights) return undefined;
      throw error;
    }
  }

  #answer(
    request: IncomingMessage,
    response: ServerResponse,
    shared: SharedRequest,
    { status, headers, body }: Answer,
  ): void {
    if (response.destroyed) return;
    if (status === 404 && shared.kind === 'playlist' && shared.token !== undefined) {
      // The livestream may be private now: the gateway answers those who have a token.
      this.#admit(request, response, shared.streamId, shared.token);
      return;
    }
    response.writeHead(status, headers);
    response.end(body);
  }

  #passOn(request: IncomingMessage, response: ServerResponse, observe?: AnswerObserver): void {
    if (this.#upstream.passedOn >= MAXIMUM_PASSED_ON) refuseBusy(response);
    else this.#upstream.passOn(request, response, () => refuseUnavailable(response), observe);
  }

  #reportViewers(): void {
    this.#cache.sweep();
    const viewers = this.#viewers.takeSeen();
    for (let at = 0; at < viewers.length; at += VIEWERS_PER_REPORT)
      this.#options.report({ type: 'seen-viewers', viewers: viewers.slice(at, at + VIEWERS_PER_REPORT) });
    if (this.#samples.length === 0) return;
    this.#options.report({ type: 'cmcd', samples: this.#samples });
    this.#samples = [];
  }

  #reportClosed(): void {
    if (this.#closedIds.length === 0) return;
    this.#options.report({ type: 'closed', ids: this.#closedIds });
    this.#closedIds = [];
  }
}

/** Conditions, ranges and bodies are the gateway's to handle: they are rare. */
function isPlainGet({ method, headers }: IncomingMessage): boolean {
  return (
    method === 'GET' &&
    headers.range === undefined &&
    headers['if-none-match'] === undefined &&
    headers['content-length'] === undefined &&
    headers['transfer-encoding'] === undefined
  );
}

function refuseBusy(response: ServerResponse): void {
  refuse(response, 'hls_busy', 'Too many blocked requests: try again later.');
}

function refuseUnavailable(response: ServerResponse): void {
  refuse(response, 'temporarily_unavailable', 'The server is busy: try again.');
}

function refuse(response: ServerResponse, code: ErrorCode, message: string): void {
  if (response.destroyed || response.headersSent) return;
  const body = JSON.stringify({ error: { code, message } });
  response.writeHead(503, {
    'access-control-allow-origin': '*',
    'access-control-expose-headers': 'Retry-After',
    'cache-control': 'no-store',
    'retry-after': RETRY_AFTER_S,
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(Buffer.byteLength(body)),
  });
  response.end(body);
}
