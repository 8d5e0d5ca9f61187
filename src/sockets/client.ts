import type { Principal } from '../accounts/index.js';
import { type ErrorCode, isDatabaseAway, type Logger, PublicError } from '../platform/index.js';
import type { Connection } from './connection.js';
import type { Acknowledgement, MessageData, SendOptions, SocketClient } from './feature.js';
import { MessageBatch, OutgoingMessage } from './message-batch.js';
import { CLOSE, type CloseCode } from './socket.js';

/** Replies to one message: once, or never when the client has disconnected. */
export type MessageReply = {
  acknowledge(acknowledgement: Acknowledgement): void;
  /** Sends `error` in place of the acknowledgement. */
  reject(error: ErrorData): void;
};

export type ErrorData = { code: ErrorCode; message: string; details?: unknown };

/** A message of the client that is handled after those before it. */
export type QueuedMessage = {
  handle(): Promise<Acknowledgement | undefined> | Acknowledgement | undefined;
  reply: MessageReply;
  bytes: number;
};

/** The part of the hub that a client calls. */
export type ClientHub = {
  enter(room: string, client: Client): void;
  leave(room: string, client: Client): void;
  /** Called after the client has left its rooms. */
  clientDisconnected(client: Client): void;
  /** Terminates a connection that the peer does not close in time; `signal` is aborted when it has closed. */
  closeWithin(connection: Connection, signal: AbortSignal): void;
  readonly log: Logger;
};

/** Buffered bytes above which droppable messages are omitted, and above which the connection is terminated. */
const DROP_ABOVE_BYTES = 256 * 1024;
const CLOSE_ABOVE_BYTES = 1024 * 1024;
/** Limits of the queue of messages that are not handled yet. */
const QUEUE_LIMIT = 200;
const QUEUE_LIMIT_BYTES = 512 * 1024;
/** Malformed messages in a row after which the connection is closed. */
const MALFORMED_LIMIT = 10;

const SOLE_HOLDER: readonly string[] = [''];

/** A connected client: its rooms, and the queue of its messages. */
export class Client implements SocketClient {
  readonly id: string;
  readonly address: string;
  principal: Principal;
  /** Set once a message was handled: the user cannot change after that, only renew the token. */
  isIdentityFixed = false;
  readonly #connection: Connection;
  readonly #hub: ClientHub;
  /** Holders of the membership by room. */
  readonly #rooms = new Map<string, readonly string[]>();
  readonly #queue: QueuedMessage[] = [];
  #queuedBytes = 0;
  #isHandling = false;
  #malformedInARow = 0;
  #isClosing = false;
  #isDisconnected = false;
  #lifetime: AbortController | undefined;

  constructor(id: string, address: string, principal: Principal, connection: Connection, hub: ClientHub) {
    this.id = id;
    this.address = address;
    this.principal = principal;
    this.#connection = connection;
    this.#hub = hub;
  }

  get signal(): AbortSignal {
    if (!this.#lifetime) {
      this.#lifetime = new AbortController();
      if (this.#isDisconnected) this.#lifetime.abort();
    }
    return this.#lifetime.signal;
  }

  /** Whether further messages are ignored. */
  get isClosing(): boolean {
    return this.#isClosing || this.#isDisconnected;
  }

  send(event: string, data: MessageData, options: SendOptions = {}): void {
    if (this.isClosing) return;
    this.deliver(new MessageBatch([new OutgoingMessage(event, data, options.droppable ?? false)]));
  }

  /** Sends a batch of a room. */
  deliver(batch: MessageBatch): void {
    if (this.#isClosing) return;
    const { bufferedBytes } = this.#connection;
    const accepted = bufferedBytes > DROP_ABOVE_BYTES ? batch.withoutDroppable : batch;
    if (bufferedBytes > CLOSE_ABOVE_BYTES) this.closeIfNotReading();
    else if (accepted) this.#connection.send(accepted);
  }

  /** Terminates the connection when its send buffer exceeds the limit. */
  closeIfNotReading(): void {
    const { bufferedBytes } = this.#connection;
    if (this.#isDisconnected || bufferedBytes <= CLOSE_ABOVE_BYTES) return;
    this.#isClosing = true;
    this.#hub.log.debug(
      { client: this.id, bufferedBytes },
      'socket client does not read: connection terminated',
    );
    this.#connection.terminate();
  }

  enter(room: string, holder = ''): void {
    if (this.#isDisconnected) return;
    const holders = this.#rooms.get(room);
    if (holders?.includes(holder)) return;
    this.#rooms.set(room, holders ? [...holders, holder] : holder === '' ? SOLE_HOLDER : [holder]);
    if (!holders) this.#hub.enter(room, this);
  }

  leave(room: string, holder = ''): void {
    const holders = this.#rooms.get(room);
    if (!holders?.includes(holder)) return;
    const others = holders.filter((other) => other !== holder);
    if (others.length > 0) this.#rooms.set(room, others);
    else {
      this.#rooms.delete(room);
      this.#hub.leave(room, this);
    }
  }

  /** Queues a well-formed message. */
  enqueue(task: QueuedMessage): void {
    this.#malformedInARow = 0;
    if (this.#queue.length >= QUEUE_LIMIT || this.#queuedBytes + task.bytes > QUEUE_LIMIT_BYTES) {
      this.reject(task.reply, tooManyMessages());
      return;
    }
    this.#queue.push(task);
    this.#queuedBytes += task.bytes;
    if (!this.#isHandling) void this.#handleQueued();
  }

  /** Replies to a malformed message with the error, and closes the connection after ten in a row. */
  rejectMalformed(error: PublicError, reply: MessageReply): void {
    if (this.isClosing) return;
    this.reject(reply, error);
    if (++this.#malformedInARow >= MALFORMED_LIMIT)
      this.close(CLOSE.policy, 'too many messages could not be understood');
  }

  reject(reply: MessageReply, error: unknown): void {
    reply.reject(errorDataOf(error, this.#hub.log));
  }

  /** Closes the connection, and terminates it when the peer does not close too. */
  close(code: CloseCode, reason: string): void {
    if (this.isClosing) return;
    this.#isClosing = true;
    this.#connection.close(code, reason);
    this.#hub.closeWithin(this.#connection, this.signal);
  }

  /** Leaves all rooms; idempotent. */
  connectionClosed(): void {
    if (this.#isDisconnected) return;
    this.#isDisconnected = true;
    this.#queue.length = 0;
    this.#lifetime?.abort();
    for (const room of this.#rooms.keys()) this.#hub.leave(room, this);
    this.#rooms.clear();
    this.#hub.clientDisconnected(this);
  }

  async #handleQueued(): Promise<void> {
    this.#isHandling = true;
    for (let task = this.#queue.shift(); task; task = this.#queue.shift()) {
      this.#queuedBytes -= task.bytes;
      try {
        const acknowledgement = (await task.handle()) ?? {};
        if (!this.#isDisconnected) task.reply.acknowledge(acknowledgement);
        acknowledgement.afterSent?.();
      } catch (error) {
        this.reject(task.reply, error);
      }
    }
    this.#isHandling = false;
  }
}

/** Returns the error as the client may see it; logs those that are not public. */
export function errorDataOf(error: unknown, log: Logger): ErrorData {
  if (error instanceof PublicError) {
    const { code, message, details } = error;
    return { code, message, ...(details === undefined ? {} : { details }) };
  }
  if (isDatabaseAway(error)) {
    log.warn({ err: error }, 'socket message failed: database unavailable');
    const message = 'The database cannot be reached: try again in a moment.';
    return { code: 'temporarily_unavailable', message };
  }
  log.error({ err: error }, 'socket message failed');
  return { code: 'internal_error', message: 'Something went wrong on the server.' };
}

export function tooManyMessages(): PublicError {
  return new PublicError(429, 'rate_limited', 'Too many messages: wait a little.');
}
