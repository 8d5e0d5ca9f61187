import { createServer, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { Server, type Socket } from 'socket.io';
import { ANONYMOUS, type Credentials, type Principal } from '../accounts/index.js';
import { type Clock, PublicError, RateLimit } from '../platform/index.js';
import { type Answer, type Client, errorDataOf } from './client.js';
import type { Connection } from './connection.js';
import { credentialsOf } from './credentials.js';
import type { Hub } from './hub.js';
import { checkMessage, MESSAGE_MAXIMUM, type Message } from './message.js';
import type { MessageBatch, SocketIoPacket } from './message-batch.js';
import { CLOSE, type CloseCode } from './socket.js';
import type { Upgrades } from './upgrades.js';

export const SOCKET_IO_PATH = '/socket.io/';

export type SocketIoRoutesOptions = { hub: Hub; upgrades: Upgrades; clock: Clock };

/** Who has not answered a ping by then is gone, ms. */
const PING_EVERY_MS = 25_000;
const PONG_WITHIN_MS = 20_000;
/** For a connection to name itself to Socket.IO, and for one by polling to become a WebSocket, ms. */
const GREETING_MS = 10_000;
/** Packets at once, be they messages or not, and after how many ms one more. */
const PACKETS = { capacity: 1_000, refillMs: 20 };
/** For a client that polls to hear that it is sent away, ms. */
const FAREWELL_MS = 1_000;
/** Seconds after which somebody may try again for whom there was no place. */
const RETRY_AFTER_S = 10;

type EngineConnection = Socket['conn'];
/** A client's acknowledgement function. */
type Acknowledge = (answer: { success: boolean; [name: string]: unknown }) => void;

/**
 * Socket.IO 4 (Engine.IO protocol 4, Socket.IO protocol 5) for the same features, by polling and by WebSocket: what
 * `GET /ws` does with `{event, data, id}`, `socket.emit(event, data, acknowledge)` does here. An acknowledgement is
 * `{success: true, …}` or `{success: false, error: {code, message}}`. Who has a token shows it as `auth: {token}`.
 */
export const socketIoRoutes: FastifyPluginAsync<SocketIoRoutesOptions> = async (app, options) => {
  const { hub, upgrades, clock } = options;
  const io = new Server({
    path: SOCKET_IO_PATH,
    serveClient: false,
    connectTimeout: GREETING_MS,
    upgradeTimeout: GREETING_MS,
    pingInterval: PING_EVERY_MS,
    pingTimeout: PONG_WITHIN_MS,
    maxHttpBufferSize: MESSAGE_MAXIMUM,
    perMessageDeflate: false,
    httpCompression: false,
    // Any page may connect; whoever looks at the cookie looks at the origin too.
    cors: { origin: true, credentials: true },
  });
  // It would put itself before the routes of a server: it gets one that never listens, and requests from a route.
  io.attach(createServer());
  const engine = io.engine;
  const packets = new RateLimit(clock, PACKETS);
  const knocks = new WeakMap<IncomingMessage, Credentials>();
  const streams = new WeakMap<IncomingMessage, Duplex>();
  const channels = new Map<string, Channel>();

  engine.on('connection', (connection: EngineConnection) => {
    const id = idOf(connection);
    const { request } = connection;
    const giveUpSeat = hub.seats.take(knocks.get(request)?.address ?? '');
    const channel = new Channel(connection);
    const stream = streams.get(request);
    if (stream) channel.add(stream);
    channels.set(id, channel);
    connection.on('packet', ({ type }: { type: string }) => {
      if (type === 'message' && packets.take(id) > 0) channel.cut();
    });
    connection.once('close', () => {
      channels.delete(id);
      giveUpSeat();
    });
  });
  io.use((socket, next) => {
    const { token } = socket.handshake.auth;
    const shown = knocks.get(socket.request) ?? { method: 'GET', address: '' };
    const credentials = typeof token === 'string' ? { ...shown, authorization: `Bearer ${token}` } : shown;
    hub.identify(credentials).then(
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
    const channel = channels.get(idOf(socket.conn));
    const { address = '' } = knocks.get(socket.request) ?? {};
    if (channel) new SocketIoConnection(socket, channel, hub, address);
  });

  app.addHook('preClose', async () => {
    for (const channel of channels.values()) channel.close();
    clock.after(FAREWELL_MS, () => {
      for (const channel of channels.values()) channel.cut();
    });
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _body, done) => done(null)); // Engine.IO reads it.
  app.route({
    method: ['GET', 'POST', 'OPTIONS'],
    url: SOCKET_IO_PATH,
    exposeHeadRoute: false,
    schema: { hide: true },
    handler: async (request, reply) => {
      const sid = sidOf(request);
      if (sid === undefined && request.method === 'GET' && hub.seats.full(request.ip)) {
        reply.header('retry-after', RETRY_AFTER_S);
        throw new PublicError(429, 'too_many_connections', 'Too many connections: try again later.');
      }
      reply.hijack();
      knocks.set(request.raw, credentialsOf(request));
      const upgrade = upgrades.take(request.raw);
      if (!upgrade) return engine.handleRequest(request.raw, reply.raw);
      streams.set(request.raw, upgrade.socket);
      if (sid !== undefined) channels.get(sid)?.add(upgrade.socket);
      return engine.handleUpgrade(request.raw, upgrade.socket, upgrade.head);
    },
  });
};

function sidOf(request: FastifyRequest): string | undefined {
  const { sid } = request.query as Record<string, unknown>;
  return typeof sid === 'string' ? sid : undefined;
}

/** The type hides it; requests show it as `sid`. */
function idOf(connection: EngineConnection): string {
  return (connection as unknown as { id: string }).id;
}

/** An Engine.IO connection, with what it has not sent. */
class Channel {
  readonly #connection: EngineConnection;
  /** Of its WebSocket; none while it polls. */
  readonly #streams = new Set<Duplex>();
  /** About as many bytes wait for the transport. */
  #waiting = 0;

  constructor(connection: EngineConnection) {
    this.#connection = connection;
    // Of polling alone: how long its end waits for the next poll, in which it is told; it can't be cut short.
    if ('closeTimeout' in connection.transport) connection.transport.closeTimeout = FAREWELL_MS;
    connection.on('packetCreate', ({ data }: { data?: string }) => {
      this.#waiting += data?.length ?? 1;
    });
    connection.on('flush', () => {
      this.#waiting = 0;
    });
  }

  get unsent(): number {
    let unsent = this.#waiting;
    for (const stream of this.#streams) unsent += stream.writableLength;
    return unsent;
  }

  add(stream: Duplex): void {
    this.#streams.add(stream);
    stream.once('close', () => this.#streams.delete(stream));
  }

  write({ text, options }: SocketIoPacket): void {
    this.#connection.write(text, options);
  }

  close(): void {
    this.#connection.close();
  }

  cut(): void {
    this.#connection.close(true);
    for (const stream of this.#streams) stream.destroy();
  }
}

class SocketIoConnection implements Connection {
  readonly #socket: Socket;
  readonly #channel: Channel;
  readonly #client: Client;
  readonly #hub: Hub;

  constructor(socket: Socket, channel: Channel, hub: Hub, address: string) {
    this.#socket = socket;
    this.#channel = channel;
    this.#hub = hub;
    const principal: Principal = socket.data ?? ANONYMOUS;
    this.#client = hub.connect(this, principal, address);
    socket.onAny((event: unknown, ...rest: unknown[]) => this.#receive(event, rest));
    socket.on('disconnect', () => this.#client.gone());
  }

  get unsent(): number {
    return this.#channel.unsent;
  }

  send(bulletin: MessageBatch): void {
    if (!this.#socket.connected) return;
    for (const { packet } of bulletin.announcements) this.#channel.write(packet);
  }

  /** Socket.IO's clients come back by themselves when the connection is gone, but not when they were disconnected. */
  close(code: CloseCode, _reason: string): void {
    if (code === CLOSE.goingAway || code === CLOSE.signInOver) this.#channel.close();
    else this.#socket.disconnect(true);
  }

  cut(): void {
    this.#channel.cut();
  }

  #receive(event: unknown, rest: unknown[]): void {
    if (this.#client.closing) return;
    const last = rest.at(-1);
    const answer = this.#answer(typeof last === 'function' ? (last as Acknowledge) : undefined);
    let message: Message;
    try {
      message = checkMessage(event, typeof rest[0] === 'function' ? undefined : rest[0]);
    } catch (error) {
      if (!(error instanceof PublicError)) throw error;
      this.#client.misunderstood(error, answer);
      return;
    }
    const bytes = Buffer.byteLength(JSON.stringify(message.data));
    this.#hub.receive(this.#client, message, bytes, answer);
  }

  #answer(acknowledge: Acknowledge | undefined): Answer {
    return {
      done: ({ event = 'ok', data = {} }) => {
        if (acknowledge) acknowledge({ success: true, ...data });
        else if (event !== 'ok') this.#client.tell(event, data);
      },
      refused: (error) => {
        if (acknowledge) acknowledge({ success: false, error });
        else this.#client.tell('error', error);
      },
    };
  }
}
