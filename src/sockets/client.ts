import type { Principal } from '../accounts/index.js';
import { type ErrorCode, isDatabaseAway, type Logger, PublicError } from '../platform/index.js';
import type { Connection } from './connection.js';
import type { Acknowledgement, MessageData, SocketClient, TellOptions } from './feature.js';
import { Announcement, MessageBatch } from './message-batch.js';
import { CLOSE, type CloseCode } from './socket.js';

/** How a message is answered: once, or not at all when the client is gone. */
export type Answer = {
  done(acknowledgement: Acknowledgement): void;
  /** Whatever was asked was not done: this is told instead. */
  refused(error: ErrorData): void;
};

export type ErrorData = { code: ErrorCode; message: string; details?: unknown };

/** A message from the client, to be handled when those before it are done. */
export type Task = {
  run(): Promise<Acknowledgement | undefined> | Acknowledgement | undefined;
  answer: Answer;
  bytes: number;
};

/** What a client needs of the hub. */
export type ClientHub = {
  enter(room: string, client: Client): void;
  leave(room: string, client: Client): void;
  /** It is gone, and has left its rooms. */
  gone(client: Client): void;
  /** Ends a connection that does not end by itself soon; the signal tells that it did. */
  hasten(line: Connection, signal: AbortSignal): void;
  readonly log: Logger;
};

/** Above so many unread bytes the droppable is left out, and above so many the client is cut off. */
const SKIP_ABOVE = 256 * 1024;
const CUT_ABOVE = 1024 * 1024;
/** Messages, and their bytes, that may wait for the one before them. */
const WAITING_LIMIT = 200;
const WAITING_BYTES_LIMIT = 512 * 1024;
/** So many messages in a row that cannot be understood end the connection. */
const BROKEN_LIMIT = 10;

const SOLE_HOLDER: readonly string[] = [''];

/** Somebody who is connected. */
export class Client implements SocketClient {
  readonly id: string;
  readonly address: string;
  principal: Principal;
  /** Whether a message has been handled: who somebody is does not change after that. */
  acquainted = false;
  readonly #line: Connection;
  readonly #hub: ClientHub;
  /** With who holds them there. */
  readonly #rooms = new Map<string, readonly string[]>();
  readonly #tasks: Task[] = [];
  #waitingBytes = 0;
  #working = false;
  #broken = 0;
  #closing = false;
  #gone = false;
  #life: AbortController | undefined;

  constructor(id: string, address: string, principal: Principal, line: Connection, hub: ClientHub) {
    this.id = id;
    this.address = address;
    this.principal = principal;
    this.#line = line;
    this.#hub = hub;
  }

  get signal(): AbortSignal {
    if (!this.#life) {
      this.#life = new AbortController();
      if (this.#gone) this.#life.abort();
    }
    return this.#life.signal;
  }

  /** Nothing more is read of it. */
  get closing(): boolean {
    return this.#closing || this.#gone;
  }

  tell(event: string, data: MessageData, options: TellOptions = {}): void {
    if (this.closing) return;
    this.deliver(new MessageBatch([new Announcement(event, data, options.droppable ?? false)]));
  }

  /** Passes on what was told to a room. */
  deliver(bulletin: MessageBatch): void {
    if (this.#closing) return;
    const { unsent } = this.#line;
    const audible = unsent > SKIP_ABOVE ? bulletin.essence : bulletin;
    if (unsent > CUT_ABOVE) this.look();
    else if (audible) this.#line.send(audible);
  }

  /** Cuts it off when it leaves too much unread, whatever that is. */
  look(): void {
    const { unsent } = this.#line;
    if (this.#gone || unsent <= CUT_ABOVE) return;
    this.#closing = true;
    this.#hub.log.debug({ client: this.id, unsent }, 'a client that does not read is cut off');
    this.#line.cut();
  }

  enter(room: string, holder = ''): void {
    if (this.#gone) return;
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

  /** Something arrived that could be understood; it waits for its turn. */
  take(task: Task): void {
    this.#broken = 0;
    if (this.#tasks.length >= WAITING_LIMIT || this.#waitingBytes + task.bytes > WAITING_BYTES_LIMIT) {
      this.refuse(task.answer, tooManyMessages());
      return;
    }
    this.#tasks.push(task);
    this.#waitingBytes += task.bytes;
    if (!this.#working) void this.#work();
  }

  /** Something arrived that could not be understood. */
  misunderstood(error: PublicError, answer: Answer): void {
    if (this.closing) return;
    this.refuse(answer, error);
    if (++this.#broken >= BROKEN_LIMIT) this.close(CLOSE.policy, 'too many messages could not be understood');
  }

  refuse(answer: Answer, error: unknown): void {
    answer.refused(errorDataOf(error, this.#hub.log));
  }

  /** Says goodbye, and does not wait long for an answer. */
  close(code: CloseCode, reason: string): void {
    if (this.closing) return;
    this.#closing = true;
    this.#line.close(code, reason);
    this.#hub.hasten(this.#line, this.signal);
  }

  /** The connection is gone. */
  gone(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#tasks.length = 0;
    this.#life?.abort();
    for (const room of this.#rooms.keys()) this.#hub.leave(room, this);
    this.#rooms.clear();
    this.#hub.gone(this);
  }

  async #work(): Promise<void> {
    this.#working = true;
    for (let task = this.#tasks.shift(); task; task = this.#tasks.shift()) {
      this.#waitingBytes -= task.bytes;
      try {
        const acknowledgement = (await task.run()) ?? {};
        if (!this.#gone) task.answer.done(acknowledgement);
        acknowledgement.afterwards?.();
      } catch (error) {
        this.refuse(task.answer, error);
      }
    }
    this.#working = false;
  }
}

/** What the client may know of an error; all others are logged. */
export function errorDataOf(error: unknown, log: Logger): ErrorData {
  if (error instanceof PublicError) {
    const { code, message, details } = error;
    return { code, message, ...(details === undefined ? {} : { details }) };
  }
  if (isDatabaseAway(error)) {
    log.warn({ err: error }, 'a message could not be handled');
    const message = 'The database cannot be reached: try again in a moment.';
    return { code: 'temporarily_unavailable', message };
  }
  log.error({ err: error }, 'a message could not be handled');
  return { code: 'internal_error', message: 'Something went wrong on the server.' };
}

export function tooManyMessages(): PublicError {
  return new PublicError(429, 'rate_limited', 'Too many messages: wait a little.');
}
