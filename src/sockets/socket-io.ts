import { createServer, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { Server, type Socket } from 'socket.io';
import { ANONYMOUS, type Credentials, type Principal } from '../accounts/index.js';
import { type Clock, PublicError, RateLimit } from '../platform/index.js';
import { type Client, errorDataOf, type MessageReply } from './client.js';
import type { Connection } from './connection.js';
import { credentialsOf } from './credentials.js';
import type { Hub } from './hub.js';
import { checkMessage, MAXIMUM_MESSAGE_BYTES, type Message } from './message.js';
import type { MessageBatch } from './message-batch.js';
import { CLOSE, type CloseCode, OPEN } from './socket.js';
import type { Upgrades } from './upgrades.js';

export const SOCKET_IO_PATH = '/socket.io/';

export type SocketIoRoutesOptions = { hub: Hub; upgrades: Upgrades; clock: Clock };

/** Ping interval, and time for the pong before the connection is closed. */
const PING_INTERVAL_MS = 25_000;
const PONG_TIMEOUT_MS = 20_000;
/** Time for the Socket.IO handshake, and for the upgrade from polling to WebSocket. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** Rate limit of Engine.IO message packets. */
const PACKETS = { capacity: 1_000, refillMs: 20 };
/** Time for a polling client to fetch the close packet. */
const CLOSE_TIMEOUT_MS = 1_000;
/** `Retry-After` of 429 `too_many_connections`. */
const RETRY_AFTER_S = 10;

type EngineConnection = Socket['conn'];
/** State of an Engine.IO connection; `writeBuffer` holds packets that wait for the transport. */
type EngineState = {
  transport: { name: string; socket?: { readyState: number } };
  writeBuffer: readonly unknown[];
};
/** A client's acknowledgement function. */
type Acknowledge = (answer: { success: boolean; [name: string]: unknown }) => void;

/**
 * Serves the same features by Socket.IO 4 (Engine.IO protocol 4, Socket.IO protocol 5), by polling and by WebSocket.
 * `socket.emit(event, data, acknowledge)` corresponds to `{event, data, id}` of `GET /ws`. An acknowledgement is
 * `{success: true, …}` or `{success: false, error: {code, message}}`. Clients pass a token as `auth: {token}`.
 */
export const socketIoRoutes: FastifyPluginAsync<SocketIoRoutesOptions> = async (app, options) => {
  const { hub, upgrades, clock } = options;
  const io = new Server({
    path: SOCKET_IO_PATH,
    serveClient: false,
    connectTimeout: HANDSHAKE_TIMEOUT_MS,
    upgradeTimeout: HANDSHAKE_TIMEOUT_MS,
    pingInterval: PING_INTERVAL_MS,
    pingTimeout: PONG_TIMEOUT_MS,
    maxHttpBufferSize: MAXIMUM_MESSAGE_BYTES,
    perMessageDeflate: false,
    httpCompression: false,
    // Every origin may connect: authentication accepts the cookie from the same origin only.
    cors: { origin: true, credentials: true },
  });
  // Attaching to the real server would bypass its routes: attach to one that never listens, and pass requests from a route.
  io.attach(createServer());
  const engine = io.engine;
  const packets = new RateLimit(clock, PACKETS);
  const credentials = new WeakMap<IncomingMessage, Credentials>();
  const streams = new WeakMap<IncomingMessage, Duplex>();
  const engineConnections = new Map<string, BufferedConnection>();

  engine.on('connection', (connection: EngineConnection) => {
    const id = idOf(connection);
    const { request } = connection;
    const releaseConnection = hub.connectionLimit.take(credentials.get(request)?.address ?? '');
    const buffered = new BufferedConnection(connection);
    const stream = streams.get(request);
    if (stream) buffered.add(stream);
    engineConnections.set(id, buffered);
    connection.on('packet', ({ type }: { type: string }) => {
      if (type === 'message' && packets.take(id) > 0) buffered.terminate();
    });
    connection.once('close', () => {
      engineConnections.delete(id);
      releaseConnection();
    });
  });
  io.use((socket, next) => {
    const { token } = socket.handshake.auth;
    const fromHeaders = credentials.get(socket.request) ?? { method: 'GET', address: '' };
    const authorization = typeof token === 'string' ? { authorization: `Bearer ${token}` } : {};
    hub.identify({ ...fromHeaders, ...authorization }).then(
      (principal) => {
        socket.data = principal;
        next();
      },
      (error: unknown) => {
        const data = errorDataOf(error, hub.log);
        next(Object.assign(new Error(data.message), { data }));
      },
    );
  });
  io.on('connection', (socket) => {
    const buffered = engineConnections.get(idOf(socket.conn));
    const { address = '' } = credentials.get(socket.request) ?? {};
    if (buffered) new SocketIoConnection(socket, buffered, hub, address);
  });

  app.addHook('preClose', async () => {
    for (const buffered of engineConnections.values()) buffered.close();
    clock.after(CLOSE_TIMEOUT_MS, () => {
      for (const buffered of engineConnections.values()) buffered.terminate();
    });
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _body, done) => done(null)); // Engine.IO reads the body.
  app.route({
    method: ['GET', 'POST', 'OPTIONS'],
    url: SOCKET_IO_PATH,
    exposeHeadRoute: false,
    schema: { hide: true },
    handler: async (request, reply) => {
      const sid = sidOf(request);
      if (sid === undefined && request.method === 'GET' && hub.connectionLimit.isReached(request.ip)) {
        reply.header('retry-after', RETRY_AFTER_S);
        throw new PublicError(429, 'too_many_connections', 'Too many connections: try again later.');
      }
      reply.hijack();
      credentials.set(request.raw, credentialsOf(request));
      const upgrade = upgrades.take(request.raw);
      if (!upgrade) return engine.handleRequest(request.raw, reply.raw);
      streams.set(request.raw, upgrade.socket);
      if (sid !== undefined) engineConnections.get(sid)?.add(upgrade.socket);
      return engine.handleUpgrade(request.raw, upgrade.socket, upgrade.head);
    },
  });
};

function sidOf(request: FastifyRequest): string | undefined {
  const { sid } = request.query as Record<string, unknown>;
  return typeof sid === 'string' ? sid : undefined;
}

/** Returns the id that requests carry as `sid`; the library's type omits it. */
function idOf(connection: EngineConnection): string {
  return (connection as unknown as { id: string }).id;
}

/** An Engine.IO connection with its buffered bytes. */
class BufferedConnection {
  readonly #connection: EngineConnection;
  /** TCP streams of its WebSocket; none while it polls. */
  readonly #streams = new Set<Duplex>();
  /** Approximate bytes that wait for the transport. */
  #waitingBytes = 0;

  constructor(connection: EngineConnection) {
    this.#connection = connection;
    // Polling only: time that a close waits for the next poll. It cannot be shortened later.
    if ('closeTimeout' in connection.transport) connection.transport.closeTimeout = CLOSE_TIMEOUT_MS;
    connection.on('packetCreate', ({ data }: { data?: string }) => {
      this.#waitingBytes += data?.length ?? 1;
    });
    connection.on('flush', () => {
      this.#waitingBytes = 0;
    });
  }

  get bufferedBytes(): number {
    let bytes = this.#waitingBytes;
    for (const stream of this.#streams) bytes += stream.writableLength;
    return bytes;
  }

  add(stream: Duplex): void {
    this.#streams.add(stream);
    stream.once('close', () => this.#streams.delete(stream));
  }

  /** Sends a batch: by WebSocket in one write to the TCP stream, else packet by packet. */
  write(batch: MessageBatch): void {
    const stream = this.#webSocketStream();
    if (stream) stream.write(batch.packetFrames);
    else for (const { packet } of batch.messages) this.#connection.write(packet.text, packet.options);
  }

  /**
   * The TCP stream of its WebSocket; undefined while the library has packets that must precede. Frames of the library
   * cannot interleave, as it writes each at once while compression is off.
   */
  #webSocketStream(): Duplex | undefined {
    const { transport, writeBuffer } = this.#connection as unknown as EngineState;
    if (transport.name !== 'websocket' || transport.socket?.readyState !== OPEN || writeBuffer.length > 0)
      return undefined;
    // Requests of polling are not among them.
    const [stream] = this.#streams;
    return this.#streams.size === 1 && stream?.writable ? stream : undefined;
  }

  close(): void {
    this.#connection.close();
  }

  terminate(): void {
    this.#connection.close(true);
    for (const stream of this.#streams) stream.destroy();
  }
}

class SocketIoConnection implements Connection {
  readonly #socket: Socket;
  readonly #connection: BufferedConnection;
  readonly #client: Client;
  readonly #hub: Hub;

  constructor(socket: Socket, buffered: BufferedConnection, hub: Hub, address: string) {
    this.#socket = socket;
    this.#connection = buffered;
    this.#hub = hub;
    const principal: Principal = socket.data ?? ANONYMOUS;
    this.#client = hub.connect(this, principal, address);
    socket.onAny((event: unknown, ...rest: unknown[]) => this.#receive(event, rest));
    socket.on('disconnect', () => this.#client.connectionClosed());
  }

  get bufferedBytes(): number {
    return this.#connection.bufferedBytes;
  }

  send(batch: MessageBatch): void {
    if (!this.#socket.connected) return;
    this.#connection.write(batch);
  }

  /** Socket.IO clients reconnect after a lost connection, but not after a disconnect packet. */
  close(code: CloseCode, _reason: string): void {
    if (code === CLOSE.goingAway || code === CLOSE.signInOver) this.#connection.close();
    else this.#socket.disconnect(true);
  }

  terminate(): void {
    this.#connection.terminate();
  }

  #receive(event: unknown, rest: unknown[]): void {
    if (this.#client.isClosing) return;
    const last = rest.at(-1);
    const reply = this.#replyTo(typeof last === 'function' ? (last as Acknowledge) : undefined);
    let message: Message;
    try {
      message = checkMessage(event, typeof rest[0] === 'function' ? undefined : rest[0]);
    } catch (error) {
      if (!(error instanceof PublicError)) throw error;
      this.#client.rejectMalformed(error, reply);
      return;
    }
    const bytes = Buffer.byteLength(JSON.stringify(message.data));
    this.#hub.receive(this.#client, message, bytes, reply);
  }

  #replyTo(acknowledge: Acknowledge | undefined): MessageReply {
    return {
      acknowledge: ({ event = 'ok', data = {} }) => {
        if (acknowledge) acknowledge({ success: true, ...data });
        else if (event !== 'ok') this.#client.send(event, data);
      },
      reject: (error) => {
        if (acknowledge) acknowledge({ success: false, error });
        else this.#client.send('error', error);
      },
    };
  }
}
