import { setTimeout as delay } from 'node:timers/promises';
import { type ChatConnection, type ChatConnectionEvents, RequestRefused } from './chat-connection.js';

type Data = Record<string, unknown>;
type Message = { id: string; userId: string; clientId?: string };

export type ParticipantOptions = {
  name: string;
  streamId: string;
  /** Joins the livestream as well: live messages then arrive before the missed ones. */
  watches: boolean;
  connect: (events: ChatConnectionEvents) => ChatConnection;
};

/** Errors after which the message is sent again. */
const RETRYABLE_CODES = new Set([
  'rate_limited',
  'temporarily_unavailable',
  'chat_overloaded',
  'shutting_down',
]);
const RETRY_DELAY_MS = 200;

/** Cursor before all ids. */
export const FIRST_CURSOR = '00000000-0000-7000-8000-000000000000';

/** Chat client that sends continuously, and rejoins from its cursor after a lost connection. */
export class ChatParticipant {
  /** Ids of acknowledged messages by client id. */
  readonly acknowledged = new Map<string, string>();
  /** Violated guarantees, in words. */
  readonly problems: string[] = [];
  readonly #options: ParticipantOptions;
  readonly #messages = new Map<string, Message>();
  #connection: ChatConnection | undefined;
  /** Id of the last message before which none is missing. */
  #cursor = FIRST_CURSOR;
  #caughtUp = false;
  #unacknowledged: string | undefined;
  #count = 0;
  #stopped = false;
  /** Number of the current connection. */
  #connectionCount = 0;

  constructor(options: ParticipantOptions) {
    this.#options = options;
  }

  join(): void {
    this.#connection ??= this.#options.connect({
      connected: () => void this.#joinAndSend(++this.#connectionCount),
      received: (event, data) => this.#receive(event, data),
    });
  }

  leave(): void {
    this.#connectionCount++;
    this.#caughtUp = false;
    this.#connection?.close();
    this.#connection = undefined;
  }

  /** Sends no new messages. */
  stopSending(): void {
    this.#stopped = true;
  }

  /** True when joined and without unacknowledged messages. */
  get isSettled(): boolean {
    return this.#caughtUp && this.#unacknowledged === undefined;
  }

  /** Ids of the shown messages, in order; of a message stored twice after a resend, the newer id. */
  shownIds(): string[] {
    const ordered = [...this.#messages.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    return [
      ...new Map(ordered.map(({ id, userId, clientId }) => [`${userId} ${clientId}`, id])).values(),
    ].sort();
  }

  async #joinAndSend(turn: number): Promise<void> {
    const { streamId, watches } = this.#options;
    this.#caughtUp = false;
    try {
      if (watches) await this.#request('join-livestream', { streamId, history: false });
      for (let more = true; more; ) {
        const joined = await this.#request('chat:join', { streamId, after: this.#cursor });
        more = joined.more === true;
      }
      if (turn !== this.#connectionCount) return;
      this.#caughtUp = true;
      this.#cursor = [...this.#messages.keys()].sort().at(-1) ?? FIRST_CURSOR;
      while (turn === this.#connectionCount && (this.#unacknowledged !== undefined || !this.#stopped))
        await this.#sendMessage();
    } catch (error) {
      if (!(error instanceof RequestRefused && error.code === 'lost')) this.problems.push(String(error));
    }
  }

  /** Sends a new message, or resends the unacknowledged one. */
  async #sendMessage(): Promise<void> {
    const clientId = (this.#unacknowledged ??= `${this.#options.name}-${this.#count++}`);
    try {
      const { streamId } = this.#options;
      const { messageId } = await this.#request('chat:send', { streamId, message: clientId, clientId });
      this.acknowledged.set(clientId, String(messageId));
      this.#unacknowledged = undefined;
    } catch (error) {
      if (!(error instanceof RequestRefused && RETRYABLE_CODES.has(error.code))) throw error;
      await delay(RETRY_DELAY_MS);
    }
  }

  #request(event: string, data: Data): Promise<Data> {
    return this.#connection?.request(event, data) ?? Promise.reject(new RequestRefused('lost'));
  }

  #receive(event: string, data: Data): void {
    if (event === 'chat:deleted') for (const id of data.ids as string[]) this.#messages.delete(id);
    if (event === 'chat:message') this.#append(data as Message, this.#caughtUp);
    if (event === 'chat:history')
      for (const message of data.messages as Message[]) this.#append(message, true);
  }

  #append(message: Message, known: boolean): void {
    const { id } = message;
    if (!this.#options.watches && id <= this.#cursor)
      this.problems.push(`received ${id} after ${this.#cursor}`);
    this.#messages.set(id, message);
    if (known && id > this.#cursor) this.#cursor = id;
  }
}
