import type { Principal } from '../accounts/index.js';

export type MessageData = Record<string, unknown>;

/** Told to everybody in a room, or to one client. Droppable ones are left out for clients that don't keep up. */
export type TellOptions = { droppable?: boolean };

/** A client's connection, be it a WebSocket or Socket.IO. */
export type SocketClient = {
  readonly id: string;
  readonly principal: Principal;
  /** The network address, without a port. */
  readonly address: string;
  /** Aborted when the connection is gone. */
  readonly signal: AbortSignal;
  /** At once; it may overtake what was told to a room shortly before. */
  tell(event: string, data: MessageData, options?: TellOptions): void;
  /**
   * From now on they hear what is told to the room. Entering twice changes nothing, unless for another `holder`: they
   * stay until every holder has let them go, so that two features can share a room.
   */
  enter(room: string, holder?: string): void;
  leave(room: string, holder?: string): void;
};

/** How an event is acknowledged; `event` is `ok` where not said otherwise. */
export type Acknowledgement = {
  event?: string;
  data?: MessageData;
  /** Done when the acknowledgement is on its way: for what must be told after it. Must not throw. */
  afterwards?: () => void;
};

/**
 * Something that speaks over the socket. Handlers of one client's events are called one after the other; what they throw as
 * PublicError the client is told as `error {code, message}`.
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
  /** The events whose data may be larger than others', in bytes of the whole message (session descriptions). */
  readonly limits?: Record<string, number>;
  /** The client is gone; its rooms are left already. */
  left?(client: SocketClient): void;
};

/** Who is connected, in rooms. */
export type SocketHub = {
  add(feature: SocketFeature): void;
  /**
   * Tells everybody in a room; the message is serialised once. What a room is told arrives in that order, bursts a little
   * later in one piece.
   */
  broadcast(room: string, event: string, data: MessageData, options?: TellOptions): void;
  /** Clients in a room. */
  size(room: string): number;
  /**
   * Closes the connections of those whose sign-in was revoked: they are told `auth:expired {code, message}` and may come
   * back with another one.
   */
  signOut(which: (client: SocketClient) => boolean): void;
};
