import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type Clock, type Logger, measureUtilization, messageOf } from '../../../platform/index.js';
import type { ViewerAdmission } from '../../../streams/index.js';
import type { CmcdSample } from '../cmcd.js';
import { DeliveryProcess } from './delivery-process.js';
import { type GatewayListener, listenForDelivery, type ServedRequests } from './gateway-listener.js';
import { LoadWatch } from './load-watch.js';
import type { ConnectionTimeouts, SeenViewer } from './messages.js';

export type HlsDeliveryOptions = {
  /** Maximum processes. */
  processes: number;
  timeouts: ConnectionTimeouts;
  admission: Pick<ViewerAdmission, 'recordActivity'>;
  /** Takes what requests say about playback (CTA-5004). */
  recordCmcd?: (sample: CmcdSample) => void;
  /** Share of the time since the last call in which the gateway's event loop was busy; default: measured. */
  utilization?: (() => number) | undefined;
  clock: Clock;
  log: Logger;
};

/** Place of a connection within the server's limits. */
type Place = { serve(): void; keep(): () => void };

const SAMPLE_INTERVAL_MS = 1_000;
const PREFIX = '/hls/';
const ENDS = ['error', 'end', 'close'] as const;
const GET = Buffer.from(`GET ${PREFIX}`);
const HEAD = Buffer.from(`HEAD ${PREFIX}`);
/** Share of the gateway's own HLS answers that close their connection while it is busy, and their maximum a second. */
const CLOSE_EVERY = 16;
const MAXIMUM_CLOSED = 100;

/**
 * Serves HLS in processes besides the gateway while its event loop is busy. They are started when needed, and stay. The
 * gateway accepts all connections, and hands over those whose first request is for HLS.
 */
export class HlsDelivery {
  readonly #options: HlsDeliveryOptions;
  readonly #load = new LoadWatch();
  readonly #processes: DeliveryProcess[] = [];
  readonly #lifetime = new AbortController();
  /** Connections whose first bytes are awaited. */
  readonly #unread = new Set<Socket>();
  #listener: Promise<GatewayListener | undefined> | undefined;
  /** HLS requests that came to the gateway itself, in all, and up to the last sample. */
  #requests = 0;
  #sampledRequests = 0;
  /** Connections closed since the last sample. */
  #closed = 0;

  constructor(options: HlsDeliveryOptions) {
    this.#options = options;
  }

  /** Starts to measure. @param server the gateway's server, whose requests `serve` handles */
  start(server: Server, serve: ServedRequests['request']): void {
    const { clock, processes, utilization = measureUtilization() } = this.#options;
    if (processes === 0) return;
    server.prependListener('request', (request, response) => this.#requested(request, response));
    const requests: ServedRequests = {
      request: serve,
      upgrade: (...upgrade) => server.emit('upgrade', ...upgrade),
    };
    const sample = (): void => {
      this.#load.sample(utilization());
      const hasRequests = this.#requests > this.#sampledRequests;
      const isServing = hasRequests || this.#processes.some(({ connections }) => connections > 0);
      this.#sampledRequests = this.#requests;
      this.#closed = 0;
      if (isServing && this.#needsProcess()) void this.#startProcess(requests);
    };
    clock.every(SAMPLE_INTERVAL_MS, sample, this.#lifetime.signal);
  }

  /** Takes a new connection over while the gateway is busy. @returns false: the caller serves it */
  takeConnection(socket: Socket, place: Place): boolean {
    if (!this.#load.isBusy || !this.#choose()) return false;
    const { clock, timeouts } = this.#options;
    const cancel = clock.after(timeouts.headersTimeoutMs, () => socket.destroy());
    const ended = (): void => {
      cancel();
      this.#unread.delete(socket);
      socket.destroy();
    };
    const read = (head: Buffer): void => {
      cancel();
      this.#unread.delete(socket);
      for (const event of ENDS) socket.off(event, ended);
      socket.pause();
      const chosen = isHlsRequest(head) ? this.#choose() : undefined;
      if (chosen) {
        socket.on('error', () => {});
        chosen.take(socket, head, place.keep());
        return;
      }
      socket.unshift(head);
      place.serve();
      socket.resume();
    };
    this.#unread.add(socket);
    for (const event of ENDS) socket.once(event, ended);
    socket.once('data', read);
    return true;
  }

  /** Has the processes finish their requests and end. Idempotent. */
  async close(): Promise<void> {
    this.#lifetime.abort();
    for (const socket of this.#unread) socket.destroy();
    const listener = await this.#listener;
    await Promise.all(this.#processes.map((each) => each.close()));
    this.#listener = undefined;
    await listener?.close();
  }

  /** The one with the fewest connections. */
  #choose(): DeliveryProcess | undefined {
    let chosen: DeliveryProcess | undefined;
    for (const each of this.#processes)
      if (each.isReady && each.connections < (chosen?.connections ?? Number.POSITIVE_INFINITY)) chosen = each;
    return this.#lifetime.signal.aborted ? undefined : chosen;
  }

  #needsProcess(): boolean {
    if (this.#processes.length >= this.#options.processes) return false;
    if (this.#processes.length === 0) return this.#load.isOverloaded;
    return this.#processes.every(({ load }) => load.isOverloaded);
  }

  async #startProcess(requests: ServedRequests): Promise<void> {
    const { clock, log, timeouts, recordCmcd } = this.#options;
    if (this.#listener === undefined) {
      this.#listener = listenForDelivery(requests, log).catch((error: unknown) => {
        log.error({ err: error }, `HLS is served by the gateway alone: ${messageOf(error)}`);
        return undefined;
      });
    }
    const listener = await this.#listener;
    if (!listener || this.#lifetime.signal.aborted || !this.#needsProcess()) return;
    const process = new DeliveryProcess({
      settings: { socketPath: listener.socketPath, timeouts },
      viewersSeen: (viewers) => this.#recordViewers(viewers),
      recordCmcd,
      clock,
      log,
    });
    this.#processes.push(process);
    for (const { load } of this.#processes) load.reset();
    process.start();
  }

  /** Counts the viewers as requests of the gateway do. @returns tokens of those that are unknown, or need a check each time */
  #recordViewers(viewers: readonly SeenViewer[]): string[] {
    const { admission } = this.#options;
    const unknown: string[] = [];
    for (const [streamId, token, protocol] of viewers)
      if (admission.recordActivity(streamId, token, protocol) !== 'everybody') unknown.push(token);
    return unknown;
  }

  /** Has a share of the clients connect anew while the gateway is busy: their new connections are handed over. */
  #requested(request: IncomingMessage, response: ServerResponse): void {
    if (!request.url?.startsWith(PREFIX)) return;
    this.#requests++;
    if (!this.#load.isBusy || this.#requests % CLOSE_EVERY !== 0 || this.#closed >= MAXIMUM_CLOSED) return;
    if (!this.#choose()) return;
    this.#closed++;
    response.setHeader('connection', 'close');
  }
}

function isHlsRequest(head: Buffer): boolean {
  return GET.equals(head.subarray(0, GET.length)) || HEAD.equals(head.subarray(0, HEAD.length));
}
