import type { Principal } from '../accounts/index.js';

export type MessageData = Record<string, unknown>;

/** Told to everybody in a room, or to one client. Droppable ones are left out for clients that don't keep up. */
export type TellOptions = { droppable?: boolean };

/** A client's connection, be it a WebSocket or Socket.IO. */
export type RealtimeClient = {
  readonly id: string;
  readonly principal: Principal;
  /** The network address, without a port. */
  readonly address: string;
  /** Aborted when the connection is gone. */
  readonly signal: AbortSignal;
  tell(event: string, data: MessageData, options?: TellOptions): void;
  enter(room: string): void;
  leave(room: string): void;
};

/** How an event is acknowledged; `event` is `ok` where not said otherwise. */
export type Acknowledgement = { event?: string; data?: MessageData };

/**
 * Something that speaks over the socket. Handlers of one client's events are called one after the other; what they throw as
 * PublicError the client is told as `error {code, message}`.
 */
export type RealtimeFeature = {
  readonly name: string;
  readonly events: Record<
    string,
    (
      client: RealtimeClient,
      data: MessageData,
    ) => Promise<Acknowledgement | undefined> | Acknowledgement | undefined
  >;
  /** The events whose data may be larger than others', in bytes of the whole message (session descriptions). */
  readonly limits?: Record<string, number>;
  /** The client is gone; its rooms are left already. */
  left?(client: RealtimeClient): void;
};

/** Who is connected, in rooms. */
export type RealtimeHub = {
  add(feature: RealtimeFeature): void;
  /** Tells everybody in a room; the message is serialised once. */
  broadcast(room: string, event: string, data: MessageData, options?: TellOptions): void;
  /** Clients in a room. */
  size(room: string): number;
  /** Closes the connections that `which` names, telling them why. */
  disconnect(which: (client: RealtimeClient) => boolean, message: string): void;
};
