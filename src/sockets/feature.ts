import type { Principal } from '../accounts/index.js';

export type MessageData = Record<string, unknown>;

/** Droppable messages are omitted for clients whose send buffer is too large. */
export type SendOptions = { droppable?: boolean };

/** A client, connected by WebSocket or Socket.IO. */
export type SocketClient = {
  readonly id: string;
  readonly principal: Principal;
  /** The network address, without a port. */
  readonly address: string;
  /** Aborted when the connection has closed. */
  readonly signal: AbortSignal;
  /** Sends at once: the message may overtake earlier messages of a room. */
  send(event: string, data: MessageData, options?: SendOptions): void;
  /**
   * Subscribes the client to a room; idempotent per `holder`. The client stays in the room until every holder has left,
   * so that two features can share one room.
   */
  enter(room: string, holder?: string): void;
  leave(room: string, holder?: string): void;
};

/** The acknowledgement of an event; `event` defaults to `ok`. */
export type Acknowledgement = {
  event?: string;
  data?: MessageData;
  /** Called after the acknowledgement was sent, for messages that must follow it. Must not throw. */
  afterSent?: () => void;
};

/**
 * A set of events over the socket. Handlers of one client run one after the other; a PublicError that they throw is sent
 * as `error {code, message}`.
 */
export type SocketFeature = {
  readonly name: string;
  readonly events: Record<
    string,
    (
      client: SocketClient,
      data: MessageData,
    ) => Promise<Acknowledgement | undefined> | Acknowledgement | undefined
  >;
  /** Larger message limits by event, in bytes of the whole message (for session descriptions). */
  readonly limits?: Record<string, number>;
  /** Called when the client has disconnected, after it has left its rooms. */
  clientDisconnected?(client: SocketClient): void;
};

/** Connected clients and their rooms, as features use them. */
export type SocketHub = {
  add(feature: SocketFeature): void;
  /**
   * Sends to every client in a room; the message is serialised once. Messages of a room keep their order; bursts are
   * batched.
   */
  broadcast(room: string, event: string, data: MessageData, options?: SendOptions): void;
  /** Number of clients in a room. */
  size(room: string): number;
  /**
   * Closes the connections of clients whose sign-in was revoked, after `auth:expired {code, message}`. They may reconnect
   * with new credentials.
   */
  signOut(which: (client: SocketClient) => boolean): void;
};
