import { createServer, type Server, type Socket } from 'node:net';
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls';
import { type Clock, type Logger, networkBlock } from '../../platform/index.js';
import { type Publish, RtmpConnection } from './rtmp-connection.js';
import { DEFAULT_RTMP_LIMITS, type RtmpLimits } from './rtmp-limits.js';

export type RtmpServerOptions = {
  publish: Publish;
  host: string;
  /** 0 takes any free port. */
  port: number;
  /** RTMP over TLS on a separate port; certificate and key in PEM. */
  tls?: { port: number; cert: string; key: string };
  limits?: Partial<RtmpLimits>;
  readsAv1: boolean;
  /** Maximum frame size, pixels. */
  maxPixels: number;
  /** Id of this gateway in relay paths; without it no loops are found. */
  relayId?: string;
  clock: Clock;
  log: Logger;
};

export type RtmpServer = {
  /** Listens. @throws when a port is in use or the certificate is invalid; then no port is open */
  start(): Promise<void>;
  /** Bound address and ports. @throws before `start` */
  address(): { host: string; port: number; rtmpsPort?: number };
  /** Number of open sockets, including idle ones. */
  readonly connections: number;
  /** Sends every publisher the close reason; resolves when all sockets have closed, within about 1 s. Idempotent. */
  close(): Promise<void>;
};

/** Maximum length of the kernel's accept queue. */
const BACKLOG = 511;
/** Prefix of IPv4-mapped IPv6 addresses. */
const MAPPED_PREFIX = /^::ffff:(?=\d+\.)/i;

/** RTMP ingest: publishers connect to `rtmp://host/live` with their stream key as the stream name. */
export function createRtmpServer(options: RtmpServerOptions): RtmpServer {
  return new RtmpListeners(options);
}

class RtmpListeners implements RtmpServer {
  readonly #options: RtmpServerOptions;
  readonly #limits: RtmpLimits;
  readonly #sockets = new Set<Socket>();
  readonly #connections = new Set<RtmpConnection>();
  readonly #perBlock = new Map<string, number>();
  #plain: Server | undefined;
  #secure: Server | undefined;
  #closing: Promise<void> | undefined;
  #ids = 0;

  constructor(options: RtmpServerOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_RTMP_LIMITS, ...options.limits };
  }

  get connections(): number {
    return this.#sockets.size;
  }

  async start(): Promise<void> {
    const { host, port, tls } = this.#options;
    const context = tls && createSecureContext({ cert: tls.cert, key: tls.key, minVersion: 'TLSv1.2' });
    try {
      this.#plain = await this.#listen(host, port, undefined);
      if (tls) this.#secure = await this.#listen(host, tls.port, context);
    } catch (error) {
      this.#plain?.close();
      throw error;
    }
  }

  address(): { host: string; port: number; rtmpsPort?: number } {
    const secure = this.#secure && portOf(this.#secure);
    if (!this.#plain) throw new Error('the RTMP server is not listening');
    const { host } = this.#options;
    return { host, port: portOf(this.#plain), ...(secure !== undefined && { rtmpsPort: secure }) };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const servers = [this.#plain, this.#secure].filter((server) => server !== undefined);
    const closed = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    for (const connection of this.#connections) connection.shutdown();
    await Promise.all([...closed, ...[...this.#connections].map((connection) => connection.closed)]);
  }

  async #listen(host: string, port: number, context: SecureContext | undefined): Promise<Server> {
    const server = createServer((socket) => this.#accept(socket, context));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port, backlog: BACKLOG }, () => {
        server.off('error', reject);
        resolve();
      });
    });
    server.on('error', (error) => this.#options.log.error({ err: error }, 'RTMP listener failed'));
    return server;
  }

  /** Accepts a socket, or destroys it when a connection limit is reached. */
  #accept(socket: Socket, context: SecureContext | undefined): void {
    const address = (socket.remoteAddress ?? '').replace(MAPPED_PREFIX, '');
    const block = networkBlock(address);
    const here = this.#perBlock.get(block) ?? 0;
    const full = this.#sockets.size >= this.#limits.connections || here >= this.#limits.connectionsPerAddress;
    if (full || this.#closing) {
      socket.on('error', () => {});
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    this.#perBlock.set(block, here + 1);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      const left = (this.#perBlock.get(block) ?? 1) - 1;
      if (left > 0) this.#perBlock.set(block, left);
      else this.#perBlock.delete(block);
    });
    this.#connect(socket, context, address);
  }

  #connect(raw: Socket, context: SecureContext | undefined, address: string): void {
    const { publish, readsAv1, maxPixels, relayId, clock, log } = this.#options;
    raw.on('error', () => {});
    raw.setKeepAlive(true, 10_000);
    const socket = context ? new TLSSocket(raw, { isServer: true, secureContext: context }) : raw;
    const protocol = context ? 'rtmps' : 'rtmp';
    const connection = new RtmpConnection({
      socket,
      protocol,
      address,
      publish,
      limits: this.#limits,
      readsAv1,
      maxPixels,
      ...(relayId === undefined ? {} : { relayId }),
      clock,
      log: log.child({ connection: ++this.#ids, protocol, address }),
    });
    this.#connections.add(connection);
    void connection.closed.then(() => this.#connections.delete(connection));
  }
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the RTMP server is not listening');
  return address.port;
}
