import type { Authenticate, Credentials, Principal } from '../accounts/index.js';
import { type Clock, type Logger, newId, PublicError, RateLimit } from '../platform/index.js';
import { Client, type MessageReply, tooManyMessages } from './client.js';
import type { Connection } from './connection.js';
import { ConnectionLimit } from './connection-limit.js';
import type {
  Acknowledgement,
  MessageData,
  SendOptions,
  SocketClient,
  SocketFeature,
  SocketHub,
} from './feature.js';
import { Heartbeat } from './heartbeat.js';
import { MAXIMUM_MESSAGE_BYTES, MESSAGE_LIMIT_BYTES, messageInvalid } from './message.js';
import { OutgoingMessage } from './message-batch.js';
import { Room } from './room.js';
import { CLOSE } from './socket.js';

export type SocketLimits = {
  connections: number;
  /** For an IPv4 address, or a /64 network of IPv6. */
  connectionsPerAddress: number;
};

export type SocketHubOptions = {
  authenticate: Authenticate;
  clock: Clock;
  log: Logger;
  limits?: Partial<SocketLimits>;
};

/** A school or an office may share one address. */
const LIMITS: SocketLimits = { connections: 10_000, connectionsPerAddress: 2_000 };
/** Rate limit of messages: browsers send a few dozen ICE candidates at once. */
const MESSAGES = { capacity: 200, refillMs: 50 };
/** Rate limit of rejected messages, beyond which the connection is closed. */
const REJECTIONS = { capacity: 400, refillMs: 100 };
/** Interval at which send buffers and expiries of sign-ins are checked. */
const CHECK_INTERVAL_MS = 1_000;
/** Time for the peer to answer a close frame. */
const CLOSE_TIMEOUT_MS = 1_000;
/** Sign-outs kept for clients whose authentication was in progress. */
const MAXIMUM_SIGN_OUTS = 1_000;

/** The only event that no feature handles: it authenticates the client. */
const AUTH = 'auth';

const REVOKED = {
  code: 'auth_revoked',
  message: 'You were signed out, or your permissions have changed: sign in again.',
};

type Handler = SocketFeature['events'][string];

/** Connected clients of both protocols, their rooms, and the dispatch of their messages. */
export class Hub implements SocketHub {
  readonly connectionLimit: ConnectionLimit;
  readonly heartbeat = new Heartbeat();
  readonly log: Logger;
  readonly #options: SocketHubOptions;
  readonly #features: SocketFeature[] = [];
  readonly #handlers = new Map<string, Handler>();
  readonly #limits = new Map<string, number>();
  readonly #clients = new Set<Client>();
  readonly #rooms = new Map<string, Room>();
  readonly #rate: RateLimit;
  readonly #rejections: RateLimit;
  /** The latest sign-outs: a client authenticated before one may connect after it. */
  readonly #signOuts: ((client: SocketClient) => boolean)[] = [];
  #signOutCount = 0;
  /** Number of sign-outs at the start of a principal's authentication. */
  readonly #identified = new WeakMap<Principal, number>();
  readonly #lifetime = new AbortController();
  #isClosing = false;

  constructor(options: SocketHubOptions) {
    const { clock, log } = options;
    const limits = { ...LIMITS, ...options.limits };
    this.#options = options;
    this.log = log;
    this.connectionLimit = new ConnectionLimit(limits);
    // Keys outlive their clients for a while.
    const maximumKeys = 2 * limits.connections;
    this.#rate = new RateLimit(clock, { ...MESSAGES, maximumKeys });
    this.#rejections = new RateLimit(clock, { ...REJECTIONS, maximumKeys });
    this.#handlers.set(AUTH, (client, data) => this.#authenticateClient(client as Client, data));
  }

  /** Starts the timers, until `close`. */
  start(): void {
    const { clock } = this.#options;
    this.heartbeat.start(clock, this.#lifetime.signal);
    clock.every(CHECK_INTERVAL_MS, () => this.#checkClients(), this.#lifetime.signal);
  }

  /** Authenticates a client that connects. @throws PublicError as `Authenticate` */
  async identify(credentials: Credentials): Promise<Principal> {
    const before = this.#signOutCount;
    const principal = await this.#options.authenticate(credentials);
    this.#identified.set(principal, before);
    return principal;
  }

  add(feature: SocketFeature): void {
    this.#features.push(feature);
    for (const [event, handler] of Object.entries(feature.events)) {
      if (this.#handlers.has(event)) throw new Error(`two features handle the event ${event}`);
      this.#handlers.set(event, handler);
      const limit = feature.limits?.[event];
      if (limit !== undefined) this.#limits.set(event, Math.min(limit, MAXIMUM_MESSAGE_BYTES));
    }
  }

  broadcast(room: string, event: string, data: MessageData, options: SendOptions = {}): void {
    this.#rooms.get(room)?.broadcast(new OutgoingMessage(event, data, options.droppable ?? false));
  }

  size(room: string): number {
    return this.#rooms.get(room)?.size ?? 0;
  }

  signOut(which: (client: SocketClient) => boolean): void {
    this.#signOutCount++;
    this.#signOuts.push(which);
    if (this.#signOuts.length > MAXIMUM_SIGN_OUTS) this.#signOuts.shift();
    for (const client of [...this.#clients]) if (which(client)) this.#endSignIn(client, REVOKED);
  }

  /** Adds a client. The caller passes on its messages by `receive`, and calls its `connectionClosed`. */
  connect(connection: Connection, principal: Principal, address: string): Client {
    const client = new Client(newId(), address, principal, connection, this);
    this.#clients.add(client);
    if (this.#isClosing) client.close(CLOSE.goingAway, 'the server is restarting');
    if (this.#wasSignedOut(client)) this.#endSignIn(client, REVOKED);
    return client;
  }

  /** Dispatches a message of a client. @param bytes its size on the wire */
  receive(
    client: Client,
    message: { event: string; data: MessageData },
    bytes: number,
    reply: MessageReply,
  ): void {
    if (client.isClosing) return;
    const { event, data } = message;
    const limit = this.#limits.get(event) ?? MESSAGE_LIMIT_BYTES;
    if (bytes > limit) {
      const text = `A message of this event may have ${limit} bytes at most.`;
      client.rejectMalformed(new PublicError(413, 'message_too_large', text), reply);
      return;
    }
    if (this.#rate.take(client.id) > 0) {
      if (this.#rejections.take(client.id) > 0) client.close(CLOSE.policy, 'too many messages');
      else client.reject(reply, tooManyMessages());
      return;
    }
    const handler = this.#handlers.get(event);
    const handle = (): ReturnType<Handler> => {
      if (!handler) throw new PublicError(400, 'event_unknown', 'There is no such event: check its name.');
      const acknowledgement = handler(client, data);
      if (event !== AUTH) client.isIdentityFixed = true;
      return acknowledgement;
    };
    client.enqueue({ handle, reply, bytes });
  }

  /** Closes every connection; those whose peer does not close are terminated. */
  close(): void {
    this.#isClosing = true;
    for (const client of [...this.#clients]) client.close(CLOSE.goingAway, 'the server is restarting');
    this.#lifetime.abort();
  }

  enter(room: string, client: Client): void {
    let members = this.#rooms.get(room);
    if (!members) this.#rooms.set(room, (members = new Room(this.#options.clock)));
    members.enter(client);
  }

  leave(room: string, client: Client): void {
    const members = this.#rooms.get(room);
    members?.leave(client);
    if (members?.size === 0) this.#rooms.delete(room);
  }

  clientDisconnected(client: Client): void {
    this.#clients.delete(client);
    for (const feature of this.#features)
      try {
        feature.clientDisconnected?.(client);
      } catch (error) {
        this.log.error({ err: error, feature: feature.name }, 'socket feature failed on disconnect');
      }
  }

  closeWithin(connection: Connection, signal: AbortSignal): void {
    this.#options.clock.after(CLOSE_TIMEOUT_MS, () => connection.terminate(), signal);
  }

  /** Checks buffers of clients that receive only pongs and acknowledgements, and the expiry of sign-ins. */
  #checkClients(): void {
    const now = this.#options.clock.now();
    const message = 'Your sign-in has expired: connect with a new one.';
    for (const client of [...this.#clients]) {
      client.closeIfNotReading();
      if (expiryOf(client.principal) <= now) this.#endSignIn(client, { code: 'auth_expired', message });
    }
  }

  /** Whether the client was signed out while it was being authenticated. */
  #wasSignedOut(client: Client): boolean {
    const before = this.#identified.get(client.principal) ?? this.#signOutCount;
    const missed = Math.min(this.#signOutCount - before, MAXIMUM_SIGN_OUTS);
    return missed > 0 && this.#signOuts.slice(-missed).some((which) => which(client));
  }

  /** Closes the connection, because features hold rooms, viewers and publications under its principal. */
  #endSignIn(client: Client, data: { code: string; message: string }): void {
    client.send('auth:expired', data);
    client.close(CLOSE.signInOver, data.code);
  }

  /**
   * Handles `auth {token}`, for browsers on other origins, which can send neither the cookie nor a header. Later it renews
   * the sign-in with a newer token of the same account.
   */
  async #authenticateClient(client: Client, data: MessageData): Promise<Acknowledgement> {
    const { token } = data;
    if (typeof token !== 'string' || token === '') throw messageInvalid('needs token, a string');
    const { isIdentityFixed, address } = client;
    if (isIdentityFixed && client.principal.kind !== 'account') throw authTooLate();
    const principal = await this.identify({ method: 'GET', authorization: `Bearer ${token}`, address });
    if (isIdentityFixed && !isSame(client.principal, principal)) throw authTooLate();
    client.principal = principal;
    client.isIdentityFixed = true;
    if (this.#wasSignedOut(client)) this.#endSignIn(client, REVOKED);
    if (principal.kind !== 'account') return { data: { kind: principal.kind } };
    const { userId, name, role, expiresAt = null } = principal;
    return { data: { kind: principal.kind, userId, name, role, expiresAt } };
  }
}

/** Unix ms. */
function expiryOf(principal: Principal): number {
  return (principal.kind === 'account' ? principal.expiresAt : undefined) ?? Number.POSITIVE_INFINITY;
}

/** Whether resources opened by one principal may stay open for the other. */
function isSame(one: Principal, other: Principal): boolean {
  if (one.kind !== 'account' || other.kind !== 'account') return false;
  return one.userId === other.userId && one.role === other.role;
}

function authTooLate(): PublicError {
  return new PublicError(
    409,
    'auth_too_late',
    'Send auth before any other message: reconnect to sign in as another user.',
  );
}

export type SocketServer = Hub;

/** Creates the hub to which features are added, and that `socketRoutes` serves. */
export function createSocketHub(options: SocketHubOptions): SocketServer {
  return new Hub(options);
}
