import type { Authenticate, Credentials, Principal } from '../accounts/index.js';
import { type Clock, type Logger, newId, PublicError, RateLimit } from '../platform/index.js';
import { type Answer, Client, tooManyMessages } from './client.js';
import type { Connection } from './connection.js';
import { ConnectionLimit } from './connection-limit.js';
import type {
  Acknowledgement,
  MessageData,
  SocketClient,
  SocketFeature,
  SocketHub,
  TellOptions,
} from './feature.js';
import { Heartbeat } from './heartbeat.js';
import { MESSAGE_LIMIT, MESSAGE_MAXIMUM, messageInvalid } from './message.js';
import { Announcement } from './message-batch.js';
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

/** A school or an office is one address. */
const LIMITS: SocketLimits = { connections: 10_000, connectionsPerAddress: 1_000 };
/** Messages at once, and after how many ms one more: browsers send a few dozen candidates at once. */
const MESSAGES = { capacity: 200, refillMs: 50 };
/** Messages put off; who goes on beyond that is sent away. */
const PUT_OFF = { capacity: 400, refillMs: 100 };
/** How often it is looked who does not read, ms. */
const LOOK_EVERY_MS = 1_000;
/** For a client to say goodbye too, ms. */
const FAREWELL_MS = 1_000;
/** Sign-outs remembered for those who are just connecting, at most. */
const SIGN_OUTS = 1_000;

/** The event by which a client says who they are; all others are features'. */
const AUTH = 'auth';

const REVOKED = {
  code: 'auth_revoked',
  message: 'You were signed out, or what you may do has changed: sign in again.',
};

type Handler = SocketFeature['events'][string];

/** Everybody who is connected, whatever their connection speaks, and what they may say. */
export class Hub implements SocketHub {
  readonly seats: ConnectionLimit;
  readonly heartbeat = new Heartbeat();
  readonly log: Logger;
  readonly #options: SocketHubOptions;
  readonly #features: SocketFeature[] = [];
  readonly #handlers = new Map<string, Handler>();
  readonly #limits = new Map<string, number>();
  readonly #clients = new Set<Client>();
  readonly #rooms = new Map<string, Room>();
  readonly #rate: RateLimit;
  readonly #putOff: RateLimit;
  /** The last ones: who was identified before one of them may connect after it. */
  readonly #signOuts: ((client: SocketClient) => boolean)[] = [];
  #signOutCount = 0;
  /** How many sign-outs there had been when it was begun to find out who somebody is. */
  readonly #identified = new WeakMap<Principal, number>();
  readonly #life = new AbortController();
  #closing = false;

  constructor(options: SocketHubOptions) {
    const { clock, log } = options;
    const limits = { ...LIMITS, ...options.limits };
    this.#options = options;
    this.log = log;
    this.seats = new ConnectionLimit(limits);
    // Remembered a little beyond the client's leave.
    const maximumKeys = 2 * limits.connections;
    this.#rate = new RateLimit(clock, { ...MESSAGES, maximumKeys });
    this.#putOff = new RateLimit(clock, { ...PUT_OFF, maximumKeys });
    this.#handlers.set(AUTH, (client, data) => this.#introduce(client as Client, data));
  }

  /** From now on time passes for those who are connected, until `close`. */
  start(): void {
    const { clock } = this.#options;
    this.heartbeat.start(clock, this.#life.signal);
    clock.every(LOOK_EVERY_MS, () => this.#look(), this.#life.signal);
  }

  /** Who somebody is who wants to connect. @throws PublicError as `Authenticate` */
  async identify(credentials: Credentials): Promise<Principal> {
    const before = this.#signOutCount;
    const principal = await this.#options.authenticate(credentials);
    this.#identified.set(principal, before);
    return principal;
  }

  add(feature: SocketFeature): void {
    this.#features.push(feature);
    for (const [event, handler] of Object.entries(feature.events)) {
      if (this.#handlers.has(event)) throw new Error(`two features take the event ${event}`);
      this.#handlers.set(event, handler);
      const limit = feature.limits?.[event];
      if (limit !== undefined) this.#limits.set(event, Math.min(limit, MESSAGE_MAXIMUM));
    }
  }

  broadcast(room: string, event: string, data: MessageData, options: TellOptions = {}): void {
    this.#rooms.get(room)?.announce(new Announcement(event, data, options.droppable ?? false));
  }

  size(room: string): number {
    return this.#rooms.get(room)?.size ?? 0;
  }

  signOut(which: (client: SocketClient) => boolean): void {
    this.#signOutCount++;
    this.#signOuts.push(which);
    if (this.#signOuts.length > SIGN_OUTS) this.#signOuts.shift();
    for (const client of [...this.#clients]) if (which(client)) this.#signInOver(client, REVOKED);
  }

  /** Somebody has connected. The caller tells what arrives, and when they are gone. */
  connect(line: Connection, principal: Principal, address: string): Client {
    const client = new Client(newId(), address, principal, line, this);
    this.#clients.add(client);
    if (this.#closing) client.close(CLOSE.goingAway, 'the server is restarting');
    if (this.#wasSignedOut(client)) this.#signInOver(client, REVOKED);
    return client;
  }

  /** Takes a message of a client, `bytes` long. */
  receive(
    client: Client,
    message: { event: string; data: MessageData },
    bytes: number,
    answer: Answer,
  ): void {
    if (client.closing) return;
    const { event, data } = message;
    const limit = this.#limits.get(event) ?? MESSAGE_LIMIT;
    if (bytes > limit) {
      const text = `Such a message may have ${limit} bytes.`;
      client.misunderstood(new PublicError(413, 'message_too_large', text), answer);
      return;
    }
    if (this.#rate.take(client.id) > 0) {
      if (this.#putOff.take(client.id) > 0) client.close(CLOSE.policy, 'too many messages');
      else client.refuse(answer, tooManyMessages());
      return;
    }
    const handler = this.#handlers.get(event);
    const run = (): ReturnType<Handler> => {
      if (!handler) throw new PublicError(400, 'event_unknown', 'There is no such event.');
      const acknowledgement = handler(client, data);
      if (event !== AUTH) client.acquainted = true;
      return acknowledgement;
    };
    client.take({ run, answer, bytes });
  }

  /** Sends everybody away; who does not go is cut off a little later. */
  close(): void {
    this.#closing = true;
    for (const client of [...this.#clients]) client.close(CLOSE.goingAway, 'the server is restarting');
    this.#life.abort();
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

  gone(client: Client): void {
    this.#clients.delete(client);
    for (const feature of this.#features)
      try {
        feature.left?.(client);
      } catch (error) {
        this.log.error({ err: error, feature: feature.name }, 'a feature failed when a client left');
      }
  }

  hasten(line: Connection, signal: AbortSignal): void {
    this.#options.clock.after(FAREWELL_MS, () => line.cut(), signal);
  }

  /** Pongs and acknowledgements pile up without anybody telling them something; and what showed who somebody is runs out. */
  #look(): void {
    const now = this.#options.clock.now();
    const message = 'Your sign-in has run out: connect with a new one.';
    for (const client of [...this.#clients]) {
      client.look();
      if (expiryOf(client.principal) <= now) this.#signInOver(client, { code: 'auth_expired', message });
    }
  }

  /** Whether somebody was signed out while it was found out who they are. */
  #wasSignedOut(client: Client): boolean {
    const before = this.#identified.get(client.principal) ?? this.#signOutCount;
    const missed = Math.min(this.#signOutCount - before, SIGN_OUTS);
    return missed > 0 && this.#signOuts.slice(-missed).some((which) => which(client));
  }

  /** What they were let into was theirs: features hold rooms, viewers and publications in their name. */
  #signInOver(client: Client, data: { code: string; message: string }): void {
    client.tell('auth:expired', data);
    client.close(CLOSE.signInOver, data.code);
  }

  /**
   * `auth {token}`: for browsers on other origins, which can send neither our cookie nor a header. Once more it may be said
   * with a newer token of the same person, before the one at hand runs out.
   */
  async #introduce(client: Client, data: MessageData): Promise<Acknowledgement> {
    const { token } = data;
    if (typeof token !== 'string' || token === '') throw messageInvalid('needs token, a text');
    const { acquainted, address } = client;
    if (acquainted && client.principal.kind !== 'account') throw authTooLate();
    const principal = await this.identify({ method: 'GET', authorization: `Bearer ${token}`, address });
    if (acquainted && !isSame(client.principal, principal)) throw authTooLate();
    client.principal = principal;
    client.acquainted = true;
    if (this.#wasSignedOut(client)) this.#signInOver(client, REVOKED);
    if (principal.kind !== 'account') return { data: { kind: principal.kind } };
    const { userId, name, role, expiresAt = null } = principal;
    return { data: { kind: principal.kind, userId, name, role, expiresAt } };
  }
}

/** Unix ms. */
function expiryOf(principal: Principal): number {
  return (principal.kind === 'account' ? principal.expiresAt : undefined) ?? Number.POSITIVE_INFINITY;
}

/** Whether what was opened for one may stay open for the other. */
function isSame(one: Principal, other: Principal): boolean {
  if (one.kind !== 'account' || other.kind !== 'account') return false;
  return one.userId === other.userId && one.role === other.role;
}

function authTooLate(): PublicError {
  return new PublicError(409, 'auth_too_late', 'Say who you are before anything else.');
}

export type SocketHub_ = Hub;

/** The realtime side of the gateway: features are added to it, and `realtimeRoutes` lets clients in. */
export function createSocketHub(options: SocketHubOptions): SocketHub_ {
  return new Hub(options);
}
