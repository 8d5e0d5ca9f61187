import { setTimeout as delay } from 'node:timers/promises';
import { type ChatLine, type LineEvents, Refused } from './chat-connection.js';

type Data = Record<string, unknown>;
type Message = { id: string; userId: string; clientId?: string };

export type ParticipantOptions = {
  name: string;
  streamId: string;
  /** Whether they watch as well: then they hear the chat before they are told what they missed. */
  watches: boolean;
  dial: (events: LineEvents) => ChatLine;
};

/** The server does not take it at the moment. */
const LATER = new Set(['rate_limited', 'temporarily_unavailable', 'chat_overloaded', 'shutting_down']);
const LATER_MS = 200;

/** Before all ids that there are: who has seen nothing wants everything. */
export const BEFORE_ALL = '00000000-0000-7000-8000-000000000000';

/** Somebody who writes without a pause, and comes back and catches up whenever the connection is lost. */
export class ChatParticipant {
  /** Ids of the messages that were acknowledged, by the names that they were sent under. */
  readonly acknowledged = new Map<string, string>();
  /** What must not happen, in words. */
  readonly problems: string[] = [];
  readonly #options: ParticipantOptions;
  readonly #shown = new Map<string, Message>();
  #line: ChatLine | undefined;
  /** Everything up to this message is known. */
  #cursor = BEFORE_ALL;
  #caughtUp = false;
  #unsure: string | undefined;
  #count = 0;
  #resting = false;
  /** Of the connection, by number. */
  #turn = 0;

  constructor(options: ParticipantOptions) {
    this.#options = options;
  }

  come(): void {
    this.#line ??= this.#options.dial({
      up: () => void this.#attend(++this.#turn),
      heard: (event, data) => this.#heard(event, data),
    });
  }

  go(): void {
    this.#turn++;
    this.#caughtUp = false;
    this.#line?.close();
    this.#line = undefined;
  }

  /** Writes nothing new any more. */
  rest(): void {
    this.#resting = true;
  }

  /** Listens, and knows of everything they sent whether it was taken. */
  get settled(): boolean {
    return this.#caughtUp && this.#unsure === undefined;
  }

  /** The ids on their screen, in order: of what came under two ids as it was sent again, the newer one. */
  shown(): string[] {
    const ordered = [...this.#shown.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    return [
      ...new Map(ordered.map(({ id, userId, clientId }) => [`${userId} ${clientId}`, id])).values(),
    ].sort();
  }

  async #attend(turn: number): Promise<void> {
    const { streamId, watches } = this.#options;
    this.#caughtUp = false;
    try {
      if (watches) await this.#ask('join-livestream', { streamId, history: false });
      for (let more = true; more; ) {
        const welcome = await this.#ask('chat:join', { streamId, after: this.#cursor });
        more = welcome.more === true;
      }
      if (turn !== this.#turn) return;
      this.#caughtUp = true;
      this.#cursor = [...this.#shown.keys()].sort().at(-1) ?? BEFORE_ALL;
      while (turn === this.#turn && (this.#unsure !== undefined || !this.#resting)) await this.#say();
    } catch (error) {
      if (!(error instanceof Refused && error.code === 'lost')) this.problems.push(String(error));
    }
  }

  /** Says something new, or again what may not have been heard. */
  async #say(): Promise<void> {
    const clientId = (this.#unsure ??= `${this.#options.name}-${this.#count++}`);
    try {
      const { streamId } = this.#options;
      const { messageId } = await this.#ask('chat:send', { streamId, message: clientId, clientId });
      this.acknowledged.set(clientId, String(messageId));
      this.#unsure = undefined;
    } catch (error) {
      if (!(error instanceof Refused && LATER.has(error.code))) throw error;
      await delay(LATER_MS);
    }
  }

  #ask(event: string, data: Data): Promise<Data> {
    return this.#line?.ask(event, data) ?? Promise.reject(new Refused('lost'));
  }

  #heard(event: string, data: Data): void {
    if (event === 'chat:deleted') for (const id of data.ids as string[]) this.#shown.delete(id);
    if (event === 'chat:message') this.#show(data as Message, this.#caughtUp);
    if (event === 'chat:history') for (const message of data.messages as Message[]) this.#show(message, true);
  }

  #show(message: Message, known: boolean): void {
    const { id } = message;
    if (!this.#options.watches && id <= this.#cursor) this.problems.push(`told ${id} after ${this.#cursor}`);
    this.#shown.set(id, message);
    if (known && id > this.#cursor) this.#cursor = id;
  }
}
